/** Fields that several schemas share. */
import { z } from "zod"
import { KEY_HEADER } from "../../contract/names.ts"
import { DurationError, parseDuration } from "../../contract/duration.ts"
import { parseTemplate, TemplateError } from "../parse-template.ts"
import { quote } from "../problem.ts"
import { referencesOf } from "../references.ts"

/** A field of dsl 1 that this version does not carry out. It is refused: to ignore it would change what a flow does. */
export function notYet(name: string) {
  return z
    .custom<undefined>((value) => value === undefined, {
      error: `${name} is not supported by this version`,
      params: { code: "unsupported" },
    })
    .optional()
}

/** One of some words; those of dsl 1 that this version does not carry out are refused by name. */
export function words<const Word extends string>(supported: readonly Word[], later: readonly string[] = []) {
  const isSupported = (value: unknown): value is Word => supported.some((word) => word === value)
  const known = supported.map((word) => quote(word)).join(" or ")
  return z.unknown().transform((value, context): Word => {
    if (isSupported(value)) return value
    if (typeof value === "string" && later.includes(value)) {
      const message = `${quote(value)} is not supported by this version; it has ${known}`
      context.issues.push({ code: "custom", message, params: { code: "unsupported" }, input: value })
    } else {
      const message = `expected ${known}, got ${quote(value)}`
      context.issues.push({ code: "custom", message, params: { code: "invalid_value" }, input: value })
    }
    return z.NEVER
  })
}

/** Milliseconds from any of the forms of `parseDuration`; `least` in milliseconds. */
export function duration(least: 0 | 1) {
  return z.unknown().transform((value, context): number => {
    const invalid = (message: string): never => {
      context.issues.push({ code: "custom", message, params: { code: "invalid_duration" }, input: value })
      return z.NEVER
    }
    try {
      const ms = parseDuration(value)
      return ms < least ? invalid("must be longer than zero") : ms
    } catch (error) {
      if (!(error instanceof DurationError)) throw error
      return invalid(`${error.message}; got ${quote(value)}`)
    }
  })
}

/** Text that must be known at publish: what it decides (an address, a statement) is never chosen by a transaction. */
export function constantText(what: string) {
  return z
    .string()
    .min(1)
    .refine(isConstantText, {
      error: `${what} must be constant: it cannot hold an expression`,
      params: { code: "constant_required" },
    })
}

/** Text that is one `${ }` as a whole, so that its value keeps its type. */
export const wholeExpression = z.string().refine(isWholeExpression, {
  error: "expected one expression, such as ${ output.ok == false }",
  params: { code: "expression_required" },
})

/** What can be a header, a query parameter or a bound value: text, which may hold expressions, or a number or boolean. */
export const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: (issue) => `expected text, a number, true or false, got ${quote(issue.input)}`,
})

/** Header names are tokens (RFC 9110 §5.1); a line break in a value would start another header. */
export const headers = z
  .record(
    z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "not a header name" }),
    z.union([z.string().regex(/^[^\r\n\0]*$/), z.number(), z.boolean()], {
      error: (issue) =>
        `expected text without line breaks, a number, true or false, got ${quote(issue.input)}`,
    }),
  )
  .superRefine((written, context) => {
    for (const [name, value] of Object.entries(written)) {
      if (name.toLowerCase() !== KEY_HEADER || readsSomething(value)) continue
      const message = `a constant ${KEY_HEADER} is the same for all transactions, so that the target would take the second for a repeat of the first: leave it out, the task's own key is sent, or derive it from params`
      const params = { code: "constant_key" }
      context.issues.push({ code: "custom", message, params, path: [name], input: value })
    }
  })

export const connectionName = constantText("the connection")

function isConstantText(text: string): boolean {
  return typeof compileText(text) === "string"
}

/** An expression that reads nothing is a constant too. One that is wrong is reported elsewhere. */
function readsSomething(value: unknown): boolean {
  const template = typeof value === "string" ? compileText(value) : null
  return template === undefined || referencesOf(template).length > 0
}

function isWholeExpression(text: string): boolean {
  const template = compileText(text)
  return template === undefined || (Array.isArray(template) && template[0] === "$")
}

/** The compiled text; undefined when an expression in it is wrong, which is reported where all templates are compiled. */
export function compileText(text: string) {
  try {
    return parseTemplate(text)
  } catch (error) {
    if (error instanceof TemplateError) return undefined
    throw error
  }
}
