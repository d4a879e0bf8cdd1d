import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { createAppContext } from "./app-context.ts"
import { prepareStart } from "./prepare-start.ts"
import type { PreparedStart } from "./prepare-start.ts"

const SERVERS = { DATABASE_URL: "postgres://127.0.0.1:1/x", TEMPORAL_ADDRESS: "127.0.0.1:1", HTTP_PORT: "0" }
const PAYMENT = { name: "payment", kind: "http-rpc", host: "payment", port: 1 }

function prepare(role: string): Promise<PreparedStart> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-prepare-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const write = (name: string, value: unknown): string => {
    const file = path.join(directory, name)
    writeFileSync(file, JSON.stringify(value), { mode: 0o600 })
    return file
  }
  const context = createAppContext({
    ...SERVERS,
    HOLDFAST_ROLE: role,
    HOLDFAST_CONNECTIONS: write("connections.json", [PAYMENT]),
    HOLDFAST_SECRETS: write("secrets.json", { key: "word" }),
  })
  return prepareStart(context, { settings: context.settings(), mode: "server" })
}

describe("prepareStart()", () => {
  test.each([
    ["all", [PAYMENT], { key: "word" }],
    ["task-worker", [PAYMENT], { key: "word" }],
    ["api,sweeper", [PAYMENT], {}],
    ["flow-worker", [], {}],
    ["sweeper", [], {}],
  ])("gives the roles %s what they may know", async (role, connections, secrets) => {
    expect(await prepare(role)).toMatchObject({ connections, secrets })
    if (Object.keys(secrets).length === 0) expect((await prepare(role)).secrets).toEqual({})
  })
})
