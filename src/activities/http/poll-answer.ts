/** What one answer to a poll says of the call that the target took. */
import { toError } from "../../contract/errors.ts"
import type { PlanPoll } from "../../contract/plan.ts"
import { createMeter } from "../../expression/meter.ts"
import { render } from "../../expression/render.ts"
import type { Failed, Verdict } from "../call.ts"
import type { Exchange } from "./round-trip.ts"

export type PollAnswer =
  /** `forget`: the target knows nothing at that address any more. */
  | { state: "over"; verdict: Verdict; forget?: boolean }
  /** Also where nothing was heard of it. */
  | { state: "working"; verdict: Failed; reply?: NonNullable<Exchange["reply"]> }

export interface PollRules {
  poll: Pick<PlanPoll, "done_when" | "fail_when">
  /** See `PollMemo`. */
  only: boolean
  input: unknown
  /** `status`: of the work. `result`: where a 303 led, so that the work is done. */
  place: "status" | "result"
}

/** @param exchange read with every 2xx as a success, as `plain`, after an unknown outcome. */
export function readPoll({ verdict, reply }: Exchange, rules: PollRules): PollAnswer {
  if (reply === undefined) {
    if (verdict.class === "misconfigured") return { state: "over", verdict: { ...verdict, left: "unknown" } }
    return { state: "working", verdict: toFailed(verdict) }
  }
  if (reply.status >= 200 && reply.status < 300 && verdict.class !== "refused")
    return readSuccess({ verdict, reply }, rules)
  const failed = toFailed(verdict)
  if (failed.class === "refused") return { state: "over", verdict: { ...failed, barrier: rules.only } }
  if (reply.status === 404 || reply.status === 410)
    return { state: "over", verdict: toGone(failed), forget: true }
  if (failed.class === "misconfigured") return { state: "over", verdict: { ...failed, left: "unknown" } }
  if (reply.status === 303) return { state: "over", verdict: toSecondRedirect(failed) }
  return { state: "working", verdict: failed, reply }
}

function readSuccess(
  { verdict, reply }: Required<Exchange>,
  { poll, only, input, place }: PollRules,
): PollAnswer {
  // Too large: it is executed, and no repeat would bring another. Broken: the next one may be whole.
  if (verdict.class === "misconfigured" && reply.status !== 202) return { state: "over", verdict }
  if (verdict.class !== "done") return { state: "working", verdict: toFailed(verdict), reply }
  if (place === "result" && reply.status !== 202) return { state: "over", verdict }
  const { evidence } = verdict
  const working: PollAnswer = { state: "working", verdict: toWorking(reply.status, verdict), reply }
  const scope = { output: reply.value, status: reply.status, input }
  const refused = evaluate("fail_when", poll.fail_when, scope)
  const done = evaluate("done_when", poll.done_when, scope) ?? reply.status !== 202
  for (const word of [refused, done])
    if (typeof word === "string") {
      const message = `poll.${word}`
      const code = "expression_error"
      return { state: "over", verdict: { class: "misconfigured", code, message, left: "unknown", evidence } }
    }
  if (refused === true) {
    const message = "the answer to a poll fulfils poll.fail_when: the target refused"
    return {
      state: "over",
      verdict: { class: "refused", code: "fail_when", message, barrier: only, evidence },
    }
  }
  return done === true ? { state: "over", verdict } : working
}

/** The condition's word, or what is wrong with it; undefined where there is none. */
function evaluate(
  name: "done_when" | "fail_when",
  template: PlanPoll["done_when"],
  scope: Record<string, unknown>,
): boolean | string | undefined {
  if (template === undefined) return undefined
  try {
    const value = render(template, scope, createMeter())
    return typeof value === "boolean" ? value : `${name}: expected true or false`
  } catch (thrown) {
    return `${name}: ${toError(thrown).message}`
  }
}

function toWorking(status: number, { evidence }: Verdict): Failed {
  return {
    class: "ongoing",
    code: `HTTP_${status}`,
    message: `the target answered ${status} and is not done`,
    evidence,
  }
}

function toGone({ code, message, evidence }: Failed): Failed {
  const lost = `${message} when it was asked how far it is: whether the call was carried out is not known`
  return { class: "unknown", code, message: lost, evidence }
}

function toSecondRedirect({ code, evidence }: Failed): Failed {
  const message = "the target led from the work to its result, and from there elsewhere: one 303 is followed"
  return { class: "misconfigured", code, message, left: "unknown", evidence }
}

function toFailed(verdict: Verdict): Failed {
  if (verdict.class !== "done") return verdict
  return toWorking(200, verdict)
}
