/** From the raw reply to what later tasks can see: `fail_when`, `output`, and the limit of what travels inline. */
import { type CallInput, MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_OUTPUT_DEPTH } from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { Template } from "../contract/tree.ts"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import type { Done, Failed, Verdict } from "./call.ts"
import { isDeeperThan } from "../contract/nesting.ts"

/**
 * `fail_when` and `output` read `{output, input}`, where `output` is the raw reply. A true `fail_when` makes a
 * refusal. An `output` that fails, nests too deep or is larger than 64 KiB of JSON is a mistake in the flow, and the
 * effect has happened; a `fail_when` that fails leaves open whether it has.
 */
export function settle(done: Done, call: Pick<CallInput, "output" | "fail_when" | "input">): Verdict {
  const scope = { output: done.output, input: call.input ?? null }
  const meter = createMeter()
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
  const output = attempt(() => (call.output === undefined ? done.output : evaluate(call.output)))
  if ("error" in output)
    return misconfigured(done, {
      code: "expression_error",
      message: `output: ${output.error.message}`,
      left: "executed",
    })
  return limit(done, output.value ?? null)
}

function limit(done: Done, output: unknown): Verdict {
  if (isDeeperThan(output, MAX_INLINE_OUTPUT_DEPTH))
    return misconfigured(done, {
      code: "output_too_deep",
      message: `the output nests deeper than ${MAX_INLINE_OUTPUT_DEPTH} levels: pick what later tasks need with "output"`,
      left: "executed",
    })
  const bytes = Buffer.byteLength(JSON.stringify(output))
  if (bytes <= MAX_INLINE_OUTPUT_BYTES) return { ...done, output }
  return misconfigured(done, {
    code: "output_too_large",
    message: `the output is ${bytes} bytes of JSON, the limit is ${MAX_INLINE_OUTPUT_BYTES}: pick what later tasks need with "output"`,
    left: "executed",
  })
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
