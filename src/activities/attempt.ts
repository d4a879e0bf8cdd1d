/**
 * One attempt of one call, whatever the protocol: identity, key and fingerprint, what was known before,
 * heartbeats and cancellation, the connector's verdict, its folding, the attempt row, and the answer.
 *
 * A1 an unsafe call is never sent while it is unknown whether an earlier attempt ran, and one whose target forgets
 *    keys not after it forgot this one. A target that said where it can be asked is asked: that sends nothing.
 * A2 what a connector throws is `unknown`, unless the throw itself says that nothing was sent.
 * A3 a failed attempt that is proven clean says so in its last heartbeat before it throws.
 * A4 no secret that was read leaves an attempt: the reply is masked before it is used, rows, codes and messages after.
 */
import { isDeepStrictEqual } from "node:util"
import type { Info } from "@temporalio/activity"
import type { ApplicationFailure } from "@temporalio/common"
import type { AttemptMarker, AttemptMemo, CallAnswer, CallInput } from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { AttemptRow } from "../contract/rows.ts"
import type { Outcome, TaskKind } from "../contract/statuses.ts"
import type { OutputStore } from "../store/output-store.ts"
import { abortable } from "./abortable.ts"
import type { Leave } from "./admission.ts"
import { toAttemptRow } from "./attempt-row.ts"
import { attemptBudgetMs } from "./attempt-time.ts"
import {
  AttemptAborted,
  type CallRequest,
  type Connector,
  type Done,
  Misconfigured,
  type Verdict,
} from "./call.ts"
import { type SendWarning, watchForWarning, type WarningWatch } from "./early-warning.ts"
import { toApplicationFailure } from "./failure.ts"
import { findMarker, foldOutcome, outcomeBefore } from "./fold-outcome.ts"
import { idempotencyKey } from "../contract/idempotency-key.ts"
import { fingerprintOf } from "./fingerprint.ts"
import { type CallIdentity, identifyCall } from "./identity.ts"
import { keepOutput } from "./kept-outputs.ts"
import { prepareCall } from "./prepare.ts"
import type { Pulse } from "./pulse.ts"
import type { SecretStore } from "./secrets.ts"
import { settle } from "./settle.ts"

export interface ActivityLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface AttemptFrame {
  kind: TaskKind
  connector: Connector
  secrets: SecretStore
  /** Where large outputs are kept. Asked only where there is one. */
  outputs: OutputStore
  /** Before anything is sent. While it rejects it is tried again, and at last the attempt ends as one not sent. */
  prepare?: () => Promise<void>
  /** After that, and before anything is sent: waits for the connection's turn. Rejects with the signal's reason. */
  admit?: (signal: AbortSignal) => Promise<Leave>
  /** Reads the secrets again. Whether those of the call are others since `prepare`. */
  renew?: () => Promise<boolean>
  /** Tells the transaction that the call goes on failing. Without it nobody is told. */
  warn?: SendWarning
  pulse: Pulse
  recordAttempt: (row: AttemptRow) => void
  logger: ActivityLogger
}

/** The part of Temporal's activity context that an attempt uses. */
export interface AttemptContext {
  readonly info: Pick<
    Info,
    | "workflowExecution"
    | "activityId"
    | "attempt"
    | "scheduledTimestampMs"
    | "currentAttemptScheduledTimestampMs"
    | "heartbeatDetails"
    | "startToCloseTimeoutMs"
    | "heartbeatTimeoutMs"
  >
  readonly cancellationSignal: AbortSignal
  heartbeat(details?: AttemptMarker): void
}

/** Throws nothing but `ApplicationFailure`, with a `CallFailure` as its first detail. */
export async function runAttempt(
  frame: AttemptFrame,
  context: AttemptContext,
  input: CallInput,
): Promise<CallAnswer> {
  const identity = identifyCall(context.info, input)
  if (!identity) throw unknownIdentity(context, input)
  const startedAt = Date.now()
  const before = outcomeBefore(input.prior, context.info)
  const marks = { newest: findMarker(context.info.heartbeatDetails) }
  const warning = watchForWarning({
    rule: input.early_warning,
    identity,
    since: context.info.scheduledTimestampMs,
    warned: marks.newest?.warned === true,
    send: frame.warn,
    onError: ({ message }) => frame.logger.warn({ ...identity, reason: message }, "a warning was not sent"),
  })
  const attempt = { context, input, identity, before, marks, warning }
  const verdict = askOn(await judge(frame, attempt), attempt)
  warning.stop()
  const outcome = foldOutcome(before, verdict)
  const endedAt = Date.now()
  record(frame, { identity, verdict, outcome, startedAt, endedAt })
  if (verdict.class === "done") return toAnswer(verdict, endedAt)
  const failure = toApplicationFailure(
    {
      ...verdict,
      code: frame.secrets.redactText(verdict.code),
      message: frame.secrets.redactText(verdict.message),
      outcome,
      endedAt,
    },
    input,
  )
  const { message } = failure
  const isTold =
    failure.nonRetryable !== true &&
    warning.tellFailure({ class: verdict.class, code: frame.secrets.redactText(verdict.code), message })
  if (outcome === "not_executed") context.heartbeat(warning.mark({ attempt: identity.attempt, clean: true }))
  else if (isTold) context.heartbeat(warning.mark(marks.newest))
  throw failure
}

function toAnswer({ output, by_reference }: Done, endedAt: number): CallAnswer {
  return { output, ...(by_reference === undefined ? {} : { by_reference }), ended_at: endedAt }
}

interface Attempt {
  context: AttemptContext
  input: CallInput
  identity: CallIdentity
  before: Outcome
  /** The newest marker: inherited, or this attempt's own. */
  marks: { newest: AttemptMarker | undefined }
  warning: WarningWatch
}

async function judge(frame: AttemptFrame, attempt: Attempt): Promise<Verdict> {
  const { input, identity } = attempt
  if (input.effect === "unsafe" && mayBeRepeat(attempt)) return refuseRepeat()
  const watch = watchAttempt(attempt, frame)
  try {
    const { prepare, outputs } = frame
    const { signal } = watch
    const leftMs = () => watch.leftMs()
    const unprepared = await prepareCall({ prepare, outputs, input, identity, signal, leftMs })
    if (unprepared) return unprepared
    const verdict = await callInTurn(frame, attempt, watch)
    if (verdict.class !== "done") return verdict
    // Before anything is made of the reply: neither the history nor a later task may hold a secret of ours.
    const settled = settle({ ...verdict, output: frame.secrets.mask(verdict.output) }, input)
    if (settled.class !== "done" || settled.large === undefined) return settled
    const { large, ...done } = settled
    return await keepOutput(outputs, { done, large, identity, signal })
  } catch (thrown) {
    return toVerdict(thrown, frame, attempt.identity)
  } finally {
    watch.stop()
  }
}

/** An earlier attempt may have made the call, and this one would make it anew. */
function mayBeRepeat(attempt: Attempt): boolean {
  return attempt.before === "unknown" && !canBeAsked(attempt)
}

/** The target took the call and said where it tells how far it is: the next attempt sends nothing. */
function canBeAsked({ input, marks }: Attempt): boolean {
  return input.poll !== undefined && marks.newest?.memo?.poll !== undefined
}

/** An attempt that could not even ask says nothing against asking again. */
function askOn(verdict: Verdict, attempt: Attempt): Verdict {
  return verdict.class === "not_executed" && canBeAsked(attempt) ? { ...verdict, next: "poll" } : verdict
}

async function callInTurn(frame: AttemptFrame, attempt: Attempt, watch: AttemptWatch): Promise<Verdict> {
  const leave = frame.admit && (await frame.admit(watch.signal).catch(toBusy))
  if (typeof leave === "object") return leave
  try {
    if (watch.isOver()) return toLate()
    const { repeat_until: until } = attempt.input
    // Only now: it may have waited for its turn.
    if (until !== undefined && Date.now() >= until && mayBeRepeat(attempt)) return refuseForgotten(until)
    return await callWithFreshSecrets(frame, attempt, watch)
  } finally {
    leave?.()
  }
}

function toBusy(thrown: unknown): Verdict {
  const message = `the connection's limits let no call begin in time, so nothing was sent: ${toError(thrown).message}`
  return { class: "not_executed", code: "connection_busy", message, evidence: {} }
}

/**
 * A process that stood still comes to itself after its attempt's time, and before its timers do. By then another
 * process may have made the call, or a person may have said what became of it.
 */
function toLate(): Verdict {
  const message = "the attempt's time was over before anything was sent"
  return { class: "not_executed", code: "attempt_timeout", message, evidence: {} }
}

/** A target that does not know who called has done nothing: with secrets that were renewed it is asked once more. */
async function callWithFreshSecrets(
  { kind, connector, renew }: AttemptFrame,
  attempt: Attempt,
  watch: AttemptWatch,
): Promise<Verdict> {
  const first = await connector.call(toRequest(kind, attempt, watch))
  if (first.class === "done" || first.deniesCredentials !== true || renew === undefined) return first
  // It was a poll that was denied, and where to poll cannot be kept: the call would go out anew.
  if (first.left !== undefined && !canBeAsked(attempt)) return first
  // What cannot be read again, or not in time, is as it was.
  if (!(await abortable(renew(), watch.signal).catch(() => false))) return first
  return connector.call(toRequest(kind, attempt, watch))
}

function toRequest(kind: TaskKind, { input, identity, before }: Attempt, watch: AttemptWatch): CallRequest {
  const { config, effect } = input
  return {
    identity,
    key: idempotencyKey(identity),
    fingerprint: fingerprintOf({ kind, config, input: input.input }),
    effect,
    before,
    config,
    input: input.input,
    poll: input.poll,
    undoes: input.undoes,
    late: input.late,
    budgetMs: watch.leftMs(),
    memo: watch.memo(),
    remember: watch.remember,
    signal: watch.signal,
  }
}

interface AttemptWatch extends Pick<CallRequest, "remember" | "signal"> {
  /** Until `signal` aborts; some may have been spent in waiting. */
  leftMs(): number
  /** By the clock: whether the timer has said so or not. */
  isOver(): boolean
  memo(): AttemptMemo | undefined
  stop(): void
}

function watchAttempt(
  { context, marks, warning }: Attempt,
  { pulse, secrets }: Pick<AttemptFrame, "pulse" | "secrets">,
): AttemptWatch {
  const budgetMs = attemptBudgetMs(context.info.startToCloseTimeoutMs)
  const endsAt = Date.now() + budgetMs
  const controller = new AbortController()
  const onCancel = () =>
    controller.abort(new AttemptAborted("attempt_cancelled", "Temporal cancelled the attempt"))
  const timer = setTimeout(
    () => controller.abort(new AttemptAborted("attempt_timeout", `no end within ${budgetMs} ms`)),
    budgetMs,
  )
  const { attempt, heartbeatTimeoutMs } = context.info
  // The server keeps the newest details only, so every heartbeat repeats the marker it inherited.
  const beat = () => context.heartbeat(warning.mark(marks.newest))
  const inherited = marks.newest
  // After an activity reset the count starts again: an old marker would come to count once more.
  if (inherited !== undefined && inherited.attempt !== attempt - 1) {
    marks.newest = { ...inherited, attempt, clean: false }
    beat()
  }
  const stopHeartbeats = pulse.start(beat, heartbeatTimeoutMs)
  if (context.cancellationSignal.aborted) onCancel()
  else context.cancellationSignal.addEventListener("abort", onCancel, { once: true })
  return {
    leftMs: () => Math.max(endsAt - Date.now(), 1),
    isOver: () => Date.now() >= endsAt,
    signal: controller.signal,
    memo: () => marks.newest?.memo,
    remember(memo) {
      // One that holds a secret is of no use once it is masked: then this attempt alone knows it.
      if (!isDeepStrictEqual(secrets.mask(memo), memo)) return
      marks.newest = { attempt, clean: false, memo }
      beat()
    },
    stop() {
      clearTimeout(timer)
      stopHeartbeats()
      context.cancellationSignal.removeEventListener("abort", onCancel)
    },
  }
}

function toVerdict(thrown: unknown, frame: AttemptFrame, identity: CallIdentity): Verdict {
  if (thrown instanceof Misconfigured)
    return { class: "misconfigured", code: thrown.code, message: thrown.message, evidence: {} }
  if (thrown instanceof AttemptAborted)
    return { class: "unknown", code: thrown.code, message: thrown.message, evidence: {} }
  const error = toError(thrown)
  const reason = frame.secrets.redactText(error.stack ?? error.message)
  frame.logger.error({ ...identity, reason }, "a connector threw: the outcome counts as unknown")
  return { class: "unknown", code: "internal_error", message: error.message, evidence: {} }
}

function refuseRepeat(): Verdict {
  return {
    class: "unknown",
    code: "unsafe_repeat_refused",
    message:
      "it is not known whether an earlier attempt ran, and the effect is unsafe: nothing was sent. Find out, then retry with an attestation",
    evidence: {},
  }
}

function refuseForgotten(until: number): Verdict {
  return {
    class: "unknown",
    code: "outside_dedup_window",
    message: `it is not known whether an earlier attempt ran, and the target remembers its key only until ${new Date(until).toISOString()}: nothing was sent. Find out, then retry with an attestation`,
    next: "none",
    evidence: {},
  }
}

function record(frame: AttemptFrame, facts: Parameters<typeof toAttemptRow>[0]): void {
  try {
    frame.recordAttempt(toAttemptRow(facts, frame.secrets))
  } catch (thrown) {
    const reason = frame.secrets.redactText(toError(thrown).message)
    frame.logger.error({ ...facts.identity, reason }, "the attempt row was not written")
  }
}

function unknownIdentity({ info }: AttemptContext, input: CallInput): ApplicationFailure {
  const message = `workflow id "${info.workflowExecution?.workflowId ?? ""}" and activity id "${info.activityId}" name no task: expected <tenant>/<instance_id> and <task>[@generation][:undo]`
  const before = outcomeBefore(input.prior, info)
  const outcome = foldOutcome(before, { class: "misconfigured" })
  return toApplicationFailure({ class: "misconfigured", code: "identity_unknown", message, outcome }, input)
}
