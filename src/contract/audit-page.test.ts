import { readFile } from "node:fs/promises"
import { expect, test } from "vitest"
import { AUDIT_ACTIONS } from "./audit.ts"

test("docs/audit.md names each action that has a row", async () => {
  const page = await readFile(new URL("../../docs/audit.md", import.meta.url), "utf8")
  const told = page.slice(page.indexOf("## What has a row"), page.indexOf("No row: "))
  expect(AUDIT_ACTIONS.filter((action) => !told.includes(`\`${action}\``))).toEqual([])
})
