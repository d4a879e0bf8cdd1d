/** Every recorded history replays with this build, and comes to the state it came to when it was recorded. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  type InjectedSinks,
  type ReplayWorkerOptions,
  Worker,
  type WorkflowBundleWithSourceMap,
} from "@temporalio/worker"
import { beforeAll, describe, expect, test } from "vitest"
import type { View } from "../../src/contract/rows.ts"
import { bundleWorkflows } from "../../src/worker/bundle.ts"
import type { RecordedHistory } from "../helpers/record-history.ts"
import type { DigestSinks } from "./digest-interceptor.ts"

const directory = fileURLToPath(new URL("histories/", import.meta.url))
const names = readdirSync(directory)
  .filter((name) => name.endsWith(".json"))
  .toSorted()

let bundle: WorkflowBundleWithSourceMap
beforeAll(async () => {
  bundle = await bundleWorkflows({
    stacks: true,
    interceptors: [fileURLToPath(new URL("digest-interceptor.ts", import.meta.url))],
  })
})

describe("49: replay", () => {
  test("the corpus has not shrunk", () => {
    // As many as there are: whoever records another one raises it.
    expect(names.length).toBeGreaterThanOrEqual(82)
  })

  test.each(names)("%s", async (name) => {
    const recorded = read(name)
    const replayed = await replay(recorded.history)
    expect(replayed).toEqual(recorded.view)
  })

  test("a history of another order of events is found out", async () => {
    const { history } = read("order.json") as {
      history: { events: { activityTaskScheduledEventAttributes?: { activityId: string } }[] }
    }
    const scheduled = history.events.flatMap((event) => event.activityTaskScheduledEventAttributes ?? [])
    const [first, second] = scheduled
    if (!first || !second) throw new Error("the recorded order has fewer than two activities")
    ;[first.activityId, second.activityId] = [second.activityId, first.activityId]
    await expect(replay(history)).rejects.toThrow(/TMPRL1100|nondeterminism/i)
  })
})

function read(name: string): RecordedHistory {
  // Written by `recordHistory` alone.
  return JSON.parse(readFileSync(`${directory}${name}`, "utf8")) as RecordedHistory
}

async function replay(history: unknown): Promise<View | undefined> {
  let last: View | undefined
  const sinks: InjectedSinks<DigestSinks> = {
    digest: { view: { fn: (_info, view) => void (last = view), callDuringReplay: true } },
  }
  // The types leave `debugMode` out, the code takes it: replays run in the same kind of context as production.
  const options = { workflowBundle: bundle, sinks, debugMode: false } as ReplayWorkerOptions
  await Worker.runReplayHistory(options, history, "default/recorded")
  return last
}
