import type { WorkflowHandle } from "@temporalio/client"
// CommonJS, of which plain Node sees the default export alone.
import proto from "@temporalio/proto"
import type { HistoryFacts } from "./subject.ts"

const { HistoryEvent } = proto.temporal.api.history.v1

export async function readHistory(handle: WorkflowHandle): Promise<HistoryFacts> {
  const { events = [] } = await handle.fetchHistory()
  const facts: HistoryFacts = { events: {}, bytes: 0 }
  for (const [at, event] of (events ?? []).entries()) {
    const type = Object.keys(event).find((key) => key.endsWith("EventAttributes")) ?? "unknown"
    if (type.startsWith("workflowTask")) continue
    facts.events[type] = (facts.events[type] ?? 0) + 1
    if (at > 0) facts.bytes += HistoryEvent.encode(event).finish().length
  }
  return facts
}
