/**
 * Stands where a transaction's workflow stands, for tests of the API: it answers `decide`, `state` and
 * `snapshot` as the contract says, and ends as its params tell it to. What a real one decides is tested with
 * the real one.
 */
import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  setHandler,
} from "@temporalio/workflow"
import {
  type Decision,
  type DecisionAnswer,
  QUERY_ROWS,
  QUERY_SNAPSHOT,
  REFUSED_FAILURE,
  type StartInput,
  UPDATE_DECIDE,
} from "../../../src/contract/messages.ts"
import { packJson } from "../../../src/contract/packed-json.ts"
import type { DecisionRow, DecisionState, View } from "../../../src/contract/rows.ts"

/** `params` of a test's transaction. */
interface Script {
  /** Actions that are refused, and the word they are refused with. */
  refuse?: Record<string, string>
  /** Fails at once, until it was resumed. */
  fail?: boolean
  /** A cancel continues as new before it ends: the last run knows the decision, Temporal does not know the update. */
  endsInNextRun?: boolean
  /** So many questions are not answered, as where one waited too long. */
  refusesQuestions?: number
}

const decideUpdate = defineUpdate<DecisionAnswer, [Decision]>(UPDATE_DECIDE)

export default async function decidable(input: StartInput): Promise<void> {
  const script = input.params as Script
  const answers = new Map<string, DecisionAnswer>()
  let latest: Decision | undefined = input.resume
  let ended = false
  let { refusesQuestions = 0 } = script
  setHandler(
    decideUpdate,
    (decision) => {
      const known = answers.get(decision.id)
      if (known !== undefined) return known
      latest = decision
      if (decision.action === "cancel") ended = true
      const status = ended ? "cancelled" : "running"
      const tasks = decision.task === undefined ? [] : [{ path: decision.task, status: "running" }]
      const answer = { decision_id: decision.id, version: answers.size + 1, status, tasks }
      answers.set(decision.id, answer)
      return answer
    },
    {
      validator: (decision) => {
        const word = answers.has(decision.id) ? undefined : script.refuse?.[decision.action]
        if (word !== undefined) throw ApplicationFailure.nonRetryable(word, REFUSED_FAILURE, word)
      },
    },
  )
  setHandler(defineQuery<Uint8Array>(QUERY_ROWS), () => {
    if (refusesQuestions-- > 0) throw new Error("Query expired")
    return packJson(viewOf(answers.size, latest))
  })
  setHandler(defineQuery<Uint8Array>(QUERY_SNAPSHOT), () => packJson({ chain: 0, from: input.transaction }))
  if (script.fail === true && input.resume === undefined) {
    throw ApplicationFailure.create({ message: "failed", type: "failed", details: [viewOf(0, undefined)] })
  }
  if (script.endsInNextRun === true && input.resume !== undefined) return
  await condition(() => ended)
  if (script.endsInNextRun === true && latest !== undefined)
    await continueAsNew<typeof decidable>({ ...input, resume: latest })
}

/** The last decision shows as the transaction's output. */
function viewOf(version: number, latest: Decision | undefined): View {
  return {
    chain: 0,
    transaction: {
      status: "blocked",
      version,
      overridden: false,
      paused: false,
      overdue: false,
      deadline_at: null,
      open_exceptions: 1,
      ignored_messages: 3,
      output: latest ?? null,
      error: null,
      started_at: Date.UTC(2026, 10, 21),
      ended_at: null,
    },
    tasks: [
      {
        index: 0,
        path: "pay",
        generation: 2,
        status: "parked",
        outcome: "unknown",
        compensation: "none",
        reason: null,
        input: null,
        output: null,
        output_dropped: true,
        error: { code: "HTTP_504", class: "unknown", message: "no answer" },
        started_at: Date.UTC(2026, 10, 21),
        ended_at: null,
      },
    ],
    exceptions: [],
    decisions: latest === undefined ? [] : [toRow(latest)],
  }
}

function toRow({ id, action, actor, reason }: Decision): DecisionRow {
  const state: DecisionState = { version: 1, status: "cancelled", tasks: [] }
  return {
    decision_id: id,
    action,
    task: null,
    actor,
    reason: reason ?? null,
    attest: null,
    executed_externally: null,
    evidence: null,
    before: state,
    after: state,
    at: Date.UTC(2026, 10, 21),
  }
}
