import { createRoute } from "@hono/zod-openapi"
import { describe, expect, test } from "vitest"
import { type ApiRoute, defineRoute } from "./route.ts"
import { assertRouteTable } from "./route-table.ts"
import { ROUTES } from "./routes/table.ts"

function route(operationId: string, path: string, scope: string): ApiRoute {
  const contract = createRoute({ method: "get", path, operationId, responses: { 200: { description: "" } } })
  return defineRoute({ contract, scope: scope as "public", handler: () => (c) => c.body(null) })
}

describe("assertRouteTable()", () => {
  test("takes the table there is", () => {
    expect(() => assertRouteTable(ROUTES)).not.toThrow()
  })

  test.each([
    ["no scope", [route("a", "/a", undefined as unknown as string)], "get /a declares no scope"],
    ["a scope nobody can have", [route("a", "/a", "everything")], "get /a declares no scope"],
    ["an inherited word as scope", [route("a", "/a", "constructor")], "get /a declares no scope"],
    ["an open route that is not listed", [route("a", "/a", "public")], "get /a is public"],
    ["one id twice", [route("a", "/a", "flows:read"), route("a", "/b", "flows:read")], "a is there twice"],
    [
      "one path twice",
      [route("a", "/a", "flows:read"), route("b", "/a", "flows:read")],
      "get /a is there twice",
    ],
  ])("refuses %s", (_name, routes, message) => {
    expect(() => assertRouteTable(routes)).toThrow(message)
  })
})
