/** One subject: answers the messages of `subject.ts`, and ends with the process that started it. */
import { inspect } from "node:util"
import { runClosedLoop } from "../closed-loop.ts"
import { readHistory } from "../history.ts"
import { type Caller, openCaller } from "../caller.ts"
import { cpuSeconds } from "../processes.ts"
import { quantile } from "../statistics.ts"
import {
  type CellResult,
  type CellSetup,
  type Part,
  PARTS,
  type SubjectAnswer,
  type SubjectMessage,
} from "../subject.ts"

const STOP_PATIENCE_MS = 5_000

let caller: Caller | undefined

process.on("message", (message: SubjectMessage) => {
  answer(message).then(
    (body) => send({ body }),
    (thrown: unknown) => send({ error: inspect(thrown) }),
  )
})
process.on("disconnect", () => {
  const ending = caller?.stop() ?? Promise.resolve()
  // Calls that are open when our parent was killed may never end.
  setTimeout(() => process.exit(1), STOP_PATIENCE_MS)
  // Nobody is left to hear of an error.
  ending.finally(() => process.exit()).catch(() => undefined)
})

async function answer(message: SubjectMessage): Promise<unknown> {
  if (message.kind === "open") {
    caller = await openCaller(message.body)
    return null
  }
  if (caller === undefined) throw new Error(`expected the message "open" first, got "${message.kind}"`)
  return message.kind === "run" ? runCell(caller, message.body) : readHistory(await caller.once())
}

async function runCell(caller: Caller, { pids, ...cell }: CellSetup): Promise<CellResult> {
  const used = { begin: {}, end: {} } as Record<"begin" | "end", Partial<Record<Part, number>>>
  const { ended, windowMs, latencies } = await runClosedLoop({
    ...cell,
    once: async () => void (await caller.once()),
    onEdge: (edge) => {
      for (const part of PARTS) if (pids[part] !== undefined) used[edge][part] = cpuSeconds(pids[part])
    },
  })
  const sorted = latencies.toSorted((a, b) => a - b)
  const cpu: CellResult["cpu"] = {}
  for (const part of PARTS) {
    const [begin, end] = [used.begin[part], used.end[part]]
    if (begin !== undefined && end !== undefined) cpu[part] = ((end - begin) * 1000) / ended
  }
  return {
    perSecond: (ended * 1000) / windowMs,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    ended,
    cpu,
  }
}

function send(answer: SubjectAnswer): void {
  process.send?.(answer)
}
