/** Publishing a flow with a problem that an administrator takes upon himself. */
import { z } from "@hono/zod-openapi"
import { OVERRIDES, type Override } from "../flow/pivot.ts"
import type { Identity } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"

/** Query parameter. */
export const overrideQuery = {
  override: z.enum(OVERRIDES).optional().openapi({
    description:
      "A problem that is told as a warning instead. Needs the scope `flows:override`; it is audited.",
  }),
}

/** @throws {ApiProblem} `forbidden`. */
export function readOverrides(
  { scopes }: Identity,
  { override }: { override?: Override | undefined },
): Override[] {
  if (override === undefined) return []
  if (scopes.has("flows:override")) return [override]
  throw new ApiProblem("forbidden", { detail: "override needs the scope flows:override." })
}
