/**
 * The one workflow: any flow, any type name. The SDK looks a type up on the bundle and falls back to its
 * default export, so the workflow type is the flow's own name.
 *
 * Owns: the clock, the batching of answers, continue-as-new and the close. Plan logic lives in the engine.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  makeContinueAsNewFunc,
  workflowInfo,
} from "@temporalio/workflow"
import { assertKnownFlags, FLAGS } from "../contract/flags.ts"
import { MAX_INLINE_PLAN_BYTES, type StartInput } from "../contract/messages.ts"
import { packJson, unpackJson } from "../contract/packed-json.ts"
import type { EngineEvent, EventBody } from "../engine/events.ts"
import { createMachine, type Machine } from "../engine/machine.ts"
import type { Snapshot } from "../engine/snapshot.ts"
import { openDoors } from "./messages.ts"
import { loadPlan } from "./plan-cache.ts"
import { createCommandRunner, type EndCommand } from "./run-commands.ts"
import { stage } from "./stage.ts"
import { createTurns } from "./turns.ts"

/** A name of `contract/bulk.ts` that no flow can have. */
export { bulkJob as "holdfast:bulk-job" } from "./bulk-job.ts"

/**
 * @param start what the API wrote at the start; anything else fails the run with type `malformed_start`.
 * @param packed the plan, deflated, when it is too large to travel inline (nested it would become JSON).
 * @param memory the engine's snapshot, packed, where this run goes on with another one.
 * @returns the end status and the flow's output.
 */
export default async function run(
  start: StartInput,
  packed?: Uint8Array,
  memory?: Uint8Array,
): Promise<{ status: string; output: unknown }> {
  const root = CancellationScope.current()
  const shield = new CancellationScope({ cancellable: false })
  const machine = startMachine(start, packed, memory)

  let wake = newLatch()
  let wanted: EndCommand | undefined
  const runner = createCommandRunner({
    shield,
    inOrder: start.flags.includes(FLAGS.commands_in_order.id),
    post: (event) => post(event),
    tell: (event) => turns.tell(event),
    onEnd: (command) => {
      if (wanted?.kind !== "finish") wanted = command
      wake.open()
    },
  })

  // One for all activations: the SDK keeps account of each promise that is made.
  const settled = Promise.resolve()
  let inbox: EngineEvent[] = []
  /** @returns whether it led to commands that Temporal sees. */
  const flush = (): boolean => {
    if (inbox.length === 0) return false
    const events = inbox
    inbox = []
    machine.apply(events)
    return runner.run(machine.takeCommands())
  }
  const takeNews = () => {
    stage.hasNews = false
    flush()
  }
  // The answers of one activation are applied together, in one microtask; messages apply at once.
  const post = (event: EventBody) => {
    // A throw in `flush` is a bug of ours: the rejection fails this workflow task until a fix is deployed.
    if (inbox.push(stamp(event)) === 1) void settled.then(takeNews)
  }
  const apply = (event: EventBody): boolean => {
    inbox.push(stamp(event))
    return flush()
  }

  const turns = createTurns({ flags: start.flags, shield, apply, post })

  stage.ignore = (what) => apply({ kind: "ignored", what })
  openDoors({ machine, apply, turns })
  root.cancelRequested.catch(() => turns.tell({ kind: "cancel" }))

  return shield.run(async () => {
    apply({ kind: "started" })
    for (;;) {
      await wake.opened
      // An update's answer needs a few microtasks more; a close or a continue-as-new would cut it off.
      await condition(() => turns.areOver() && allHandlersFinished())
      flush()
      const end: EndCommand | undefined = wanted
      if (end?.kind === "finish") return close(machine, end, root)
      if (machine.quiet()) return continueRun(machine, start, packed)
      wanted = undefined
      wake = newLatch()
    }
  })
}

/** A start that is not ours ends the run; one that this build cannot read is a plain error, for a later build. */
function startMachine(start: StartInput, packed?: Uint8Array, memory?: Uint8Array): Machine {
  const sent = packed ?? (isStartInput(start) ? start.plan : undefined)
  if (!isStartInput(start) || sent === undefined)
    throw ApplicationFailure.create({
      type: "malformed_start",
      message: "This workflow is started through Holdfast's API: the first argument is not a start input.",
      nonRetryable: true,
    })
  assertKnownFlags(start.flags)
  const { plan_hash, tenant, transaction, params, flags, thresholds, resume } = start
  // A snapshot comes from this engine, by continue-as-new or through the query of a closed run.
  const snapshot = memory ? (unpackJson(memory) as Snapshot) : undefined
  stage.machine = createMachine({
    ...loadPlan(plan_hash, sent),
    planBytes: packed?.length ?? MAX_INLINE_PLAN_BYTES,
    at: workflowInfo().startTime.getTime(),
    isReset: lastReset(start) !== undefined,
    start: {
      tenant,
      transaction,
      params,
      flags,
      thresholds,
      ...(resume ? { resume } : {}),
      ...(snapshot ? { snapshot } : {}),
    },
  })
  stage.start = start
  return stage.machine
}

/** The reset run that this one is, or descends from; undefined where nobody ever reset. */
function lastReset({ reset_run }: StartInput): string | undefined {
  const { runId, originalExecutionRunId } = workflowInfo()
  return originalExecutionRunId !== undefined && runId !== originalExecutionRunId ? runId : reset_run
}

/** Anybody with a Temporal client can start a workflow of any type. */
function isStartInput(sent: unknown): sent is StartInput {
  if (typeof sent !== "object" || sent === null) return false
  const start = sent as Partial<Record<keyof StartInput, unknown>>
  const hasNames = [start.plan_hash, start.tenant, start.transaction].every(
    (name) => typeof name === "string",
  )
  return (
    hasNames &&
    Array.isArray(start.flags) &&
    typeof start.thresholds === "object" &&
    start.thresholds !== null
  )
}

function close(
  machine: Machine,
  end: Extract<EndCommand, { kind: "finish" }>,
  root: CancellationScope,
): { status: string; output: unknown } {
  const { status, output } = end
  if (status === "success") return { status, output }
  // Temporal's `Canceled` carries no details: the view comes from the mirror or the query.
  if (status === "cancelled" && root.consideredCancelled) throw new CancelledFailure("cancelled")
  const view = machine.briefView()
  throw ApplicationFailure.create({
    type: status,
    message: view.transaction.error?.message ?? status,
    nonRetryable: true,
    details: [view],
  })
}

function continueRun(machine: Machine, start: StartInput, packed: Uint8Array | undefined): Promise<never> {
  const { resume: _, reset_run: _earlier, ...rest } = start
  const reset = lastReset(start)
  const next = { ...rest, ...(reset === undefined ? {} : { reset_run: reset }) }
  return makeContinueAsNewFunc<typeof run>()(next, packed, packJson(machine.snapshot()))
}

function stamp(event: EventBody): EngineEvent {
  const { historyLength, historySize } = workflowInfo()
  return { ...event, at: Date.now(), history_events: historyLength, history_bytes: historySize }
}

function newLatch(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
