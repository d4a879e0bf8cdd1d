import { z } from "@hono/zod-openapi"
import { ApiProblem } from "./problem.ts"

export const ifMatchHeaders = z.object({
  "if-match": z.string().max(1_000).optional().openapi({ description: "ETag of the version you saw." }),
})

/** @throws {ApiProblem} `precondition_failed`. */
export function assertMatch(etag: string, expected: string | undefined): void {
  if (expected === undefined || expected === "*") return
  const wanted = expected.split(",").map((one) => one.trim())
  if (!wanted.includes(etag)) throw new ApiProblem("precondition_failed")
}
