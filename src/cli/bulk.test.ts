import { describe, expect, test } from "vitest"
import type { Once } from "../sdk/client.ts"
import { Unreachable } from "../sdk/errors.ts"
import type { BulkJob, BulkJobRequest } from "../sdk/shapes.ts"
import { addBulkCommands } from "./bulk.ts"
import { runCommand } from "./commands.testsuite.ts"

const JOB: BulkJob = {
  job_id: "j1",
  action: "retry",
  reason: "r",
  actor: "ann",
  state: "stopped",
  state_reason: "of the last 5 results 5 were failures",
  velocity: 20,
  canary: 5,
  counts: { total: 1000, pending: 995, sent: 0, succeeded: 0, failed: 5, refused: 0 },
  created_at: "2026-01-01T00:00:00.000Z",
  ended_at: null,
  effects: [{ effect: "keyed", state: "pending", code: null, count: 995 }],
}

async function bulk(...args: string[]) {
  const requests: BulkJobRequest[] = []
  const keys: Once["idempotencyKey"][] = []
  const seen = await runCommand(addBulkCommands, ["bulk", ...args], {
    createBulkJob: (request, once) => {
      requests.push(request)
      keys.push(once?.idempotencyKey)
      return Promise.resolve(JOB)
    },
    commandBulkJob: (id, command) => Promise.resolve({ ...JOB, job_id: id, state_reason: command }),
  })
  return { ...seen, requests, keys }
}

describe("holdfast bulk", () => {
  test("run says what fits, how fast, and why", async () => {
    const text =
      "run retry --group 8c1f0e62d7a94b35 --transactions a b --velocity 20 --canary 0 --dry-run --reason"
    const { requests, printed } = await bulk(...text.split(" "), "the bank is back")
    expect(requests).toEqual([
      {
        action: "retry",
        filter: { group: "8c1f0e62d7a94b35", instance_ids: ["a", "b"] },
        reason: "the bank is back",
        dry_run: true,
        velocity: 20,
        canary: 0,
        stop_above: undefined,
        settle_within: undefined,
      },
    ])
    expect(printed.join("\n")).toMatch(/j1\s+retry\s+stopped\s+1000\s+995\s+0\s+0\s+5\s+0\s+of the last 5/)
    expect(printed.join("\n")).toMatch(/995\s+pending\s+keyed/)
  })

  test("run says under which id it can be sent again when no answer came, and takes that id", async () => {
    const args = ["bulk", "run", "retry", "--flow", "f", "--reason", "r"]
    const lost: string[] = []
    const { said } = await runCommand(addBulkCommands, args, {
      createBulkJob: (_, once) => {
        lost.push(once?.idempotencyKey ?? "")
        return Promise.reject(new Unreachable("no answer", new Error("reset")))
      },
    })
    expect(said).toEqual([expect.stringContaining(`--decision-id ${lost[0]} takes it at most once`)])
    expect((await bulk(...args.slice(1), "--decision-id", lost[0] ?? "")).keys).toEqual(lost)
  })

  test.each(["start", "pause", "resume", "cancel"])("%s is about one job", async (command) => {
    const { printed } = await bulk(command, "j7")
    expect(printed.join("\n")).toMatch(new RegExp(`j7 .* ${command}`))
  })

  test.each([
    [["run", "retry", "--reason", "r"], "say which ones"],
    [["run", "retry_unsafe", "--reason", "r", "--flow", "f"], 'not "retry_unsafe"'],
    [
      ["run", "retry", "--reason", "r", "--flow", "f", "--velocity", "fast"],
      '--velocity takes a number, not "fast"',
    ],
  ])("%j is refused", async (args, words) => {
    const { requests, thrown } = await bulk(...args)
    expect(String(thrown)).toContain(words)
    expect(requests).toEqual([])
  })
})
