/** A compiled template to a JSON value. */
import { assertNever } from "../contract/errors.ts"
import type { Template, Tree } from "../contract/tree.ts"
import type { Allowance } from "./border.ts"
import { ExpressionError } from "./error.ts"
import { evaluateAs } from "./evaluate.ts"
import type { Run, Scope } from "./frame.ts"
import type { Meter } from "./meter.ts"

/**
 * The value of a template. A whole-string expression keeps its type; in a text, 5.0 prints as `5`, and null,
 * lists and maps are errors. All results together stay within the meter's `value_bytes`. Constants are handed
 * on uncopied; objects that are built have no prototype. Throws `ExpressionError`.
 */
export function render(template: Template, scope: Scope, meter: Meter): unknown {
  return renderInto(template, { scope, meter, at: undefined }, { bytes: meter.limits.value_bytes })
}

function renderInto(template: Template, run: Run, allowance: Allowance): unknown {
  if (typeof template !== "object" || template === null) return template
  if (!isTagged(template)) return renderObject(template, run, allowance)
  switch (template[0]) {
    case "'":
      return template[1]
    case "$":
      return evaluateAs("json", template[1], run, allowance)
    case "[":
      return renderList(template, run, allowance)
    case "+":
      return renderText(template, run, allowance)
    default:
      return assertNever(template)
  }
}

type Tagged = Extract<Template, readonly unknown[]>

function isTagged(template: Template): template is Tagged {
  return Array.isArray(template)
}

function renderObject(
  template: Readonly<Record<string, Template>>,
  run: Run,
  allowance: Allowance,
): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, member] of Object.entries(template)) object[key] = renderInto(member, run, allowance)
  return object
}

function renderList(
  [, ...members]: readonly ["[", ...Template[]],
  run: Run,
  allowance: Allowance,
): unknown[] {
  return members.map((member) => renderInto(member, run, allowance))
}

function renderText(
  [, ...parts]: readonly ["+", ...(string | Tree)[]],
  run: Run,
  allowance: Allowance,
): string {
  let text = ""
  for (const part of parts) {
    text += typeof part === "string" ? part : evaluateAs("text", part, run, allowance)
    if (text.length > run.meter.limits.length) {
      throw new ExpressionError(
        "limit_exceeded",
        `the text is longer than the limit of ${run.meter.limits.length} characters`,
      )
    }
  }
  return text
}
