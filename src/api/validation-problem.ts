/** What a contract's validator found, as a problem with a pointer for each finding. */
import type { Hook } from "@hono/zod-openapi"
import type { ApiEnv } from "./dependencies.ts"
import { ApiProblem, type ProblemItem } from "./problem.ts"

type DefaultHook = Hook<unknown, ApiEnv, string, void>
type Misfit = Extract<Parameters<DefaultHook>[0], { success: false }>
type Issue = Misfit["error"]["issues"][number]

/** Values that came in are not repeated in the answer. */
export const refuseMisfits: DefaultHook = (result) => {
  if (result.success) return
  const at = PLACES[result.target] ?? ""
  const errors = result.error.issues.flatMap((issue) => toItems(issue, at))
  const [first] = errors
  throw new ApiProblem("request_invalid", {
    detail:
      first === undefined
        ? "The request is malformed."
        : `${first.pointer === "" ? "the body" : first.pointer}: ${first.detail}`,
    errors,
  })
}

const PLACES: Record<string, string> = { query: "/query", param: "/path", header: "/header", json: "" }

function toItems(issue: Issue, at: string): ProblemItem[] {
  const pointer = at + issue.path.map((name) => `/${escape(String(name))}`).join("")
  // One issue names all keys that are not known: each gets its own place.
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      pointer: `${pointer}/${escape(key)}`,
      code: issue.code,
      detail: `${key.slice(0, 100)} is not known here`,
    }))
  }
  return [{ pointer, code: issue.code, detail: issue.message }]
}

function escape(name: string): string {
  return name.slice(0, 200).replaceAll("~", "~0").replaceAll("/", "~1")
}
