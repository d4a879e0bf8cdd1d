/** Carries out the engine's commands on Temporal. Knows scopes and options; decides nothing. */
import {
  ActivityCancellationType,
  type ActivityOptions,
  CancellationScope,
  scheduleActivity,
  setCurrentDetails,
  sleep,
} from "@temporalio/workflow"
import { type CallAnswer, OUTPUT_TYPES, type OutputReference } from "../contract/activities.ts"
import type { CallCommand, Command } from "../engine/commands.ts"
import type { EventBody } from "../engine/events.ts"
import { toCallFailed } from "./failures.ts"

export type EndCommand = Extract<Command, { kind: "finish" | "continue_as_new" }>

export interface CommandRunner {
  /** @returns whether Temporal sees any of it at once. */
  run(commands: readonly Command[]): boolean
}

export interface CommandRunnerOptions {
  /** Non-cancellable parent of all scopes: a cancel of the root stops here. */
  shield: CancellationScope
  /** A cancel comes after the calls that were wanted before it (flag `commands_in_order`). */
  inOrder: boolean
  /** Takes what a call answered; the answers of one activation are applied together. */
  post: (event: EventBody) => void
  /** Takes an event that no call answered. */
  tell: (event: EventBody) => void
  onEnd: (command: EndCommand) => void
}

/** Not among them: a cancel of calls may find none, and a continue-as-new waits for those that are open. */
const SEEN_AT_ONCE: ReadonlySet<Command["kind"]> = new Set(["call", "timer", "finish"] as const)

export function createCommandRunner({
  shield,
  inOrder,
  post,
  tell,
  onEnd,
}: CommandRunnerOptions): CommandRunner {
  // A cancelled scope refuses new calls, so each is replaced when it was cancelled. The parent
  // must be named: the default is the current scope, and under the root it would die with the root's cancel.
  const newScope = () => new CancellationScope({ cancellable: true, parent: shield })
  let forward = newScope()
  let backward = newScope()

  const call = (command: CallCommand) => {
    const { token } = command
    scheduleActivity<CallAnswer>(command.activity_type, [command.input], toOptions(command)).then(
      (answer) => post(toDone(token, answer)),
      (thrown: unknown) => post({ kind: "failed", token, failure: toCallFailed(thrown) }),
    )
  }

  const callAll = (calls: readonly CallCommand[], scope: CancellationScope) => {
    if (calls.length === 0) return
    // One run() per batch. The promise ends with the synchronous body: calls answer through `post`.
    void scope.run(async () => {
      for (const command of calls) call(command)
    })
  }

  let timer: CancellationScope | undefined
  const setTimer = ({ at, of }: Extract<Command, { kind: "timer" }>) => {
    timer?.cancel()
    timer = newScope()
    void timer.run(() =>
      sleep(Math.max(at - Date.now(), 1)).then(
        () => tell({ kind: "timer", of }),
        // Another timer took its place.
        () => {},
      ),
    )
  }

  return {
    run(commands) {
      let calls: CallCommand[] = []
      const makeCalls = () => {
        // A cancel of what runs forward leaves the way back alone.
        callAll(
          calls.filter((command) => command.backward === undefined),
          forward,
        )
        callAll(
          calls.filter((command) => command.backward !== undefined),
          backward,
        )
        calls = []
      }
      for (const command of commands) {
        switch (command.kind) {
          case "call":
            calls.push(command)
            break
          case "timer":
            setTimer(command)
            break
          case "cancel_forward":
            if (inOrder) makeCalls()
            forward.cancel()
            forward = newScope()
            break
          case "cancel_backward":
            if (inOrder) makeCalls()
            backward.cancel()
            backward = newScope()
            break
          case "details":
            setCurrentDetails(command.text)
            break
          case "finish":
          case "continue_as_new":
            onEnd(command)
            break
        }
      }
      makeCalls()
      return commands.some(({ kind }) => SEEN_AT_ONCE.has(kind))
    },
  }
}

/** A user's worker may answer with anything. */
function toDone(token: number, answer: Partial<CallAnswer> | null | undefined): EventBody {
  const endedAt = answer?.ended_at
  const reference = answer?.by_reference
  return {
    kind: "done",
    token,
    output: answer?.output ?? null,
    ...(isOutputReference(reference) ? { by_reference: reference } : {}),
    ...(typeof endedAt === "number" ? { ended_at: endedAt } : {}),
  }
}

function isOutputReference(value: unknown): value is OutputReference {
  if (typeof value !== "object" || value === null) return false
  const { sha256, bytes, type } = value as Partial<Record<keyof OutputReference, unknown>>
  return (
    typeof sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    Number.isSafeInteger(bytes) &&
    (OUTPUT_TYPES as readonly unknown[]).includes(type)
  )
}

function toOptions({
  activity_id,
  summary,
  retry,
  timeout,
  priority,
}: CallCommand): ActivityOptions & { activityId: string } {
  return {
    activityId: activity_id,
    ...(summary === undefined ? {} : { summary }),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    startToCloseTimeout: timeout.attempt_ms,
    ...(priority === undefined ? {} : { priority: { priorityKey: priority } }),
    ...(timeout.queue_ms === undefined ? {} : { scheduleToStartTimeout: timeout.queue_ms }),
    ...(timeout.total_ms === undefined ? {} : { scheduleToCloseTimeout: timeout.total_ms }),
    ...(timeout.heartbeat_ms === undefined ? {} : { heartbeatTimeout: timeout.heartbeat_ms }),
    retry: {
      maximumAttempts: retry.max_attempts,
      initialInterval: retry.interval_ms,
      backoffCoefficient: retry.backoff,
      maximumInterval: retry.max_interval_ms,
      nonRetryableErrorTypes: retry.non_retryable,
    },
  }
}
