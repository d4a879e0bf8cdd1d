import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { CONNECTION_KINDS } from "../contract/connections.ts"
import { limits, tlsFields } from "./connection-fields.ts"
import { connectionSchema } from "./connections.ts"

const page = readFileSync(new URL("../../docs/connections.md", import.meta.url), "utf8")

/** The row of a table whose first cell names it. */
function rowOf(name: string): string {
  return page.split("\n").find((line) => line.split("|")[1]?.includes(`\`${name}\``)) ?? ""
}

test("docs/connections.md has a row for every kind, with all of its fields", () => {
  for (const kind of CONNECTION_KINDS) {
    const schema = connectionSchema.options.find(({ shape }) => shape.kind.safeParse(kind).success)
    const fields = Object.keys(schema?.shape ?? {})
    expect(fields).toContain("name")
    for (const field of fields)
      expect(rowOf(field) || rowOf(kind), `${field} of ${kind}`).toContain(`\`${field}\``)
  }
})

test("docs/connections.md names the limits and what TLS takes", () => {
  for (const field of Object.keys(limits.unwrap().shape)) expect(rowOf("limits")).toContain(`\`${field}\``)
  for (const field of Object.keys(tlsFields)) expect(rowOf(field), field).not.toBe("")
})
