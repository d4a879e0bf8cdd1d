/** The doors of a run: update `decide`, signals of the actions' names, queries. All lead to the same engine. */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import {
  ApplicationFailure,
  currentUpdateInfo,
  defineQuery,
  defineUpdate,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow"
import { REFUSALS, type Refusal } from "../contract/errors.ts"
import {
  type Decision,
  type DecisionAnswer,
  type EarlyWarning,
  QUERY_ROWS,
  QUERY_SNAPSHOT,
  QUERY_STATE,
  REFUSED_FAILURE,
  SIGNAL_EARLY_WARNING,
  UPDATE_DECIDE,
} from "../contract/messages.ts"
import { packJson } from "../contract/packed-json.ts"
import type { View } from "../contract/rows.ts"
import { DECISION_ACTIONS, type DecisionAction } from "../contract/statuses.ts"
import type { EventBody } from "../engine/events.ts"
import type { Machine } from "../engine/machine.ts"
import { jsonSize } from "../engine/size.ts"
import { stage } from "./stage.ts"
import type { Turns } from "./turns.ts"

/** Answers of queries must fit into one message, of 2 MiB. */
const ANSWER_BYTES = 1_500_000
/** Of inputs and outputs in an answer. */
const PAYLOAD_BYTES = 1024 * 1024
const TEMPORAL_ACTOR = "temporal"

const decideUpdate = defineUpdate<DecisionAnswer, [unknown]>(UPDATE_DECIDE)
const stateQuery = defineQuery<View>(QUERY_STATE)
const rowsQuery = defineQuery<Uint8Array>(QUERY_ROWS)
const snapshotQuery = defineQuery<Uint8Array>(QUERY_SNAPSHOT)

export interface MessageOptions {
  machine: Machine
  /** Applies an event at once. Whether it led to commands that Temporal sees. */
  apply: (event: EventBody) => boolean
  turns: Turns
}

export function openDoors({ machine, apply, turns }: MessageOptions): void {
  setHandler(stateQuery, () => {
    const view = machine.view(PAYLOAD_BYTES)
    return jsonSize(view, ANSWER_BYTES) <= ANSWER_BYTES ? view : machine.briefView()
  })
  setHandler(rowsQuery, () => packJson(machine.view(PAYLOAD_BYTES)))
  setHandler(snapshotQuery, () => packJson(machine.snapshot()))
  const decide = (decision: SentDecision): DecisionAnswer => {
    // The validator has let it pass; and the engine asks again before it acts.
    apply({ kind: "decision", decision: decision as unknown as Decision })
    const answer = machine.answer(decision.id)
    if (!answer) throw refused(machine.refuse(decision) ?? "ending")
    return answer
  }
  setHandler(
    decideUpdate,
    (sent) => {
      const decision = withUpdateId(sent)
      return turns.take(() => decide(decision))
    },
    {
      validator: (sent) => {
        const refusal = machine.refuse(withUpdateId(sent), Date.now())
        // What the engine refuses may be legal once it has taken what came before: then the handler judges.
        if (refusal && !stage.hasNews && turns.areOver()) throw refused(refusal)
      },
    },
  )

  let signals = 0
  setDefaultSignalHandler((name, ...payloads) => {
    const position = ++signals
    const decision = toSignalDecision(name, payloads[0], position)
    return turns.take(() => {
      if (!apply(decision ? { kind: "decision", decision } : toOtherEvent(name, payloads[0])))
        turns.mark(position)
    })
  })
}

type SentDecision = Record<string, unknown> & { id: string }

function refused(refusal: Refusal): ApplicationFailure {
  return ApplicationFailure.nonRetryable(REFUSALS[refusal], REFUSED_FAILURE, refusal)
}

/** The API says who decides; an update that comes from Temporal's own tools need not. */
function withUpdateId(sent: unknown): SentDecision {
  const id = currentUpdateInfo()?.id ?? ""
  return { actor: TEMPORAL_ACTOR, ...(isRecord(sent) ? sent : { action: undefined }), id }
}

function toSignalDecision(name: string, payload: unknown, position: number): Decision | undefined {
  if (!isAction(name)) return undefined
  if (payload !== undefined && payload !== null && (!isRecord(payload) || payload.undecodable === true))
    return undefined
  // Whatever else the payload holds, the engine checks the shape before it acts.
  return {
    ...payload,
    id: toSignalId([name, payload ?? null], position),
    action: name,
    actor: TEMPORAL_ACTOR,
  }
}

function toOtherEvent(name: string, payload: unknown): EventBody {
  // Whatever the payload holds, the engine checks the shape before it acts.
  return name === SIGNAL_EARLY_WARNING
    ? { kind: "warning", warning: payload as EarlyWarning }
    : { kind: "ignored", what: name }
}

/**
 * A signal has no id of its own, and neither time nor history length tells it from others: both differ between
 * a replay and the first time. The run is the one before any reset, so that the replay in a reset run makes the
 * same ids; what was sent keeps apart those that took the same position before and after the reset.
 */
function toSignalId(sent: unknown, position: number): string {
  const { runId, originalExecutionRunId } = workflowInfo()
  const digest = bytesToHex(sha256(utf8ToBytes(JSON.stringify(sent)))).slice(0, 8)
  const origin = stage.start?.original_run ?? originalExecutionRunId ?? runId
  return `signal:${origin}:${position}:${digest}`
}

function isAction(name: string): name is DecisionAction {
  return (DECISION_ACTIONS as readonly string[]).includes(name)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
