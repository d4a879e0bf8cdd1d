import { createHash } from "node:crypto"
import { z } from "@hono/zod-openapi"
import { ApiProblem } from "./problem.ts"

export const ifMatchHeaders = z.object({
  "if-match": z.string().max(1_000).optional().openapi({ description: "ETag of the version you saw." }),
})

export const ifNoneMatchHeaders = z.object({
  "if-none-match": z.string().max(1_000).optional().openapi({ description: "ETag of what you have." }),
})

/** Declared beside the answer of a route that asks `isKnown`. */
export const NOT_MODIFIED = { description: "Unchanged since the version in If-None-Match." }

/** For what has no version of its own. */
export function toContentEtag(body: unknown): string {
  return `"${createHash("sha256").update(JSON.stringify(body)).digest("base64url").slice(0, 22)}"`
}

/** Whether the caller has this version already. A proxy that compresses makes tags weak; they are as good here. */
export function isKnown(etag: string, known: string | undefined): boolean {
  if (known === undefined) return false
  const tags = known.split(",").map((one) => one.trim().replace(/^W\//, ""))
  return tags.includes("*") || tags.includes(etag)
}

/** @throws {ApiProblem} `precondition_failed`. */
export function assertMatch(etag: string, expected: string | undefined): void {
  if (expected === undefined || expected === "*") return
  const wanted = expected.split(",").map((one) => one.trim())
  if (!wanted.includes(etag)) throw new ApiProblem("precondition_failed")
}
