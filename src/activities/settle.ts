/** From the raw reply to what later tasks can see: `fail_when`, `output`, and the limit of what travels inline. */
import {
  type CallInput,
  MAX_INLINE_OUTPUT_BYTES,
  MAX_INLINE_OUTPUT_DEPTH,
  MAX_KEPT_OUTPUT_BYTES,
  type ProbeAnswer,
} from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { Template } from "../contract/tree.ts"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import type { Done, Failed } from "./call.ts"
import { isDeeperThan } from "../contract/nesting.ts"
import type { LargeOutput } from "./kept-outputs.ts"

/** `large` is what does not travel: then `output` is null until it is kept. */
export type Settled = (Done & { large?: LargeOutput }) | Failed

/**
 * `fail_when` and `output` read `{output, input}`, where `output` is the raw reply. A true `fail_when` makes a
 * refusal. An `output` that fails, nests too deep or is too large is a mistake in the flow, and the effect has
 * happened; a `fail_when` that fails leaves open whether it has.
 */
export function settle(done: Done, call: Rules): Settled {
  const scope = { output: done.output, input: call.input ?? null }
  // What a run may hold bounds an expression's value, unless the run is to hold only a reference to it.
  const meter = createMeter(call.by_reference === true ? { value_bytes: MAX_KEPT_OUTPUT_BYTES } : {})
  const evaluate = (template: Template) => render(template, scope, meter)
  if (call.fail_when !== undefined) {
    const failed = attempt(() => evaluate(call.fail_when ?? null))
    if ("error" in failed || typeof failed.value !== "boolean")
      return misconfigured(done, {
        code: "expression_error",
        message: `fail_when: ${"error" in failed ? failed.error.message : "expected true or false"}`,
        left: "unknown",
      })
    if (failed.value)
      return {
        ...refusal(done),
        code: "fail_when",
        message: "the reply fulfils fail_when: the target refused",
      }
  }
  if (call.executed_when !== undefined) {
    const found = attempt(() => evaluate(call.executed_when ?? null))
    if ("error" in found || typeof found.value !== "boolean")
      return misconfigured(done, {
        code: "expression_error",
        message: `executed_when: ${"error" in found ? found.error.message : "expected true or false"}`,
        left: "unknown",
      })
    if (!found.value) return { ...done, output: { found: false } satisfies ProbeAnswer }
  }
  const output = attempt(() => (call.output === undefined ? done.output : evaluate(call.output)))
  if ("error" in output)
    return misconfigured(done, {
      code: "expression_error",
      message: `output: ${output.error.message}`,
      left: "executed",
    })
  const value: unknown = output.value ?? null
  const answer = { found: true, output: value } satisfies ProbeAnswer
  return limit(done, call.executed_when === undefined ? value : answer, call)
}

type Rules = Pick<CallInput, "output" | "fail_when" | "executed_when" | "input" | "by_reference">

function limit(done: Done, output: unknown, { by_reference }: Rules): Settled {
  if (isDeeperThan(output, MAX_INLINE_OUTPUT_DEPTH))
    return misconfigured(done, {
      code: "output_too_deep",
      message: `the output nests deeper than ${MAX_INLINE_OUTPUT_DEPTH} levels: pick what later tasks need with "output"`,
      left: "executed",
    })
  const json = JSON.stringify(output)
  const bytes = Buffer.byteLength(json)
  if (bytes <= MAX_INLINE_OUTPUT_BYTES) return { ...done, output }
  const most = by_reference === true ? MAX_KEPT_OUTPUT_BYTES : MAX_INLINE_OUTPUT_BYTES
  if (bytes <= most) return { ...done, output: null, large: { json, bytes, type: typeOf(output) } }
  return misconfigured(done, {
    code: "output_too_large",
    message: `the output is ${bytes} bytes of JSON, the limit is ${most}: pick what later tasks need with "output"`,
    left: "executed",
  })
}

function typeOf(output: unknown): LargeOutput["type"] {
  if (typeof output === "string") return "string"
  return Array.isArray(output) ? "list" : "object"
}

function misconfigured(
  done: Done,
  why: { code: string; message: string; left: "executed" | "unknown" },
): Failed {
  return { class: "misconfigured", ...why, evidence: done.evidence }
}

function refusal(done: Done): Pick<Failed, "class" | "evidence"> {
  return { class: "refused", evidence: done.evidence }
}

function attempt<T>(work: () => T): { value: T } | { error: Error } {
  try {
    return { value: work() }
  } catch (thrown) {
    return { error: toError(thrown) }
  }
}
