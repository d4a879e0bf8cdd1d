import { Command } from "commander"
import { describe, expect, test } from "vitest"
import { ApiError, Unreachable } from "../sdk/errors.ts"
import type { Transaction } from "../sdk/shapes.ts"
import { stubClient } from "./commands.testsuite.ts"
import { addRunCommand } from "./run.ts"

const ENDED: Transaction = {
  instance_id: "r1",
  flow_name: "order",
  flow_version: 1,
  workflow_id: "default/r1",
  status: "success",
  version: 0,
  open_exceptions: 0,
  ignored_messages: 0,
  created_at: "2026-01-01T00:00:00.000Z",
  completed_at: "2026-01-01T00:00:01.000Z",
  output: null,
  error: null,
  tasks: [],
}
const LOST = new Unreachable("http://127.0.0.1:1", Object.assign(new Error("reset"), { code: "ECONNRESET" }))
const REFUSED = new Unreachable(
  "http://127.0.0.1:1",
  Object.assign(new Error("no"), { code: "ECONNREFUSED" }),
)

interface Seen {
  started: number
  printed: string[]
  said: string[]
  code: number
  thrown: unknown
}

/** Runs the command against a client that throws what it is given. */
async function run(args: string[], failing: { start?: Error; get?: Error } = {}): Promise<Seen> {
  const seen: Seen = { started: 0, printed: [], said: [], code: 0, thrown: undefined }
  const client = stubClient({
    startTransaction: (request) => {
      seen.started++
      if (failing.start !== undefined) return Promise.reject(failing.start)
      return Promise.resolve({ ...request, status: "pending" })
    },
    getTransaction: () => (failing.get === undefined ? Promise.resolve(ENDED) : Promise.reject(failing.get)),
  })
  const program = new Command().exitOverride()
  addRunCommand(program, {
    client: () => Promise.resolve(client),
    print: (text) => void seen.printed.push(text),
    say: (line) => void seen.said.push(line),
    exit: (code) => void (seen.code = code),
  })
  await program.parseAsync(["run", "order", ...args], { from: "user" }).catch((thrown: unknown) => {
    seen.thrown = thrown
  })
  return seen
}

describe("holdfast run", () => {
  test("starts the transaction and shows it", async () => {
    const seen = await run(["--id", "r1", "--wait"])
    expect(seen).toMatchObject({ started: 1, said: [], code: 0, thrown: undefined })
    expect(seen.printed.join()).toContain("r1  order v1  success  1.0 s")
  })

  test.each([["--wait=soon"], ["--wait=0"], ["--params=[1]"], ["--params={"], ["--params=@absent.json"]])(
    "starts nothing with %s",
    async (flag) => {
      const seen = await run([flag])
      expect(seen.thrown).toMatchObject({ name: "UsageError" })
      expect(seen.started).toBe(0)
    },
  )

  test.each([
    ["the answer is lost", LOST],
    ["the server has trouble of its own", new ApiError(503, { error: "database_unavailable" }, "")],
  ])("names the id under which a repeat is safe when %s", async (_why, start) => {
    const seen = await run([], { start })
    expect(seen.thrown).toBe(start)
    expect(seen.said).toEqual([
      expect.stringMatching(/^(\S{36}) may have started: the same command with --id \1 /),
    ])
  })

  test.each([
    ["nobody answers", REFUSED],
    ["it is refused", new ApiError(409, { error: "instance_id_conflict" }, "")],
  ])("speaks of no start when %s", async (_why, start) => {
    expect(await run([], { start })).toMatchObject({ thrown: start, said: [] })
  })

  test("names the transaction when it is lost from sight", async () => {
    const seen = await run(["--id", "r1", "--wait"], { get: LOST })
    expect(seen).toMatchObject({ thrown: LOST, said: ["r1 has started: holdfast get r1"] })
  })
})
