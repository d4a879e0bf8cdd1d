/** A JSON value with `${ CEL }` in its strings, compiled to the stored `Template`. Publish time. */
import type { Template, Tree } from "../contract/tree.ts"
import { ExpressionSyntaxError, parseExpression, skipToken } from "./parse-expression.ts"

/** How deep objects and lists of a template may nest. */
export const MAX_TEMPLATE_DEPTH = 64

export interface TemplateProblem {
  /** JSON Pointer (RFC 6901) inside the compiled value; empty for the value itself. */
  pointer: string
  message: string
}

export class TemplateError extends Error {
  override readonly name = "TemplateError"
  readonly problems: TemplateProblem[]

  constructor(problems: TemplateProblem[]) {
    super(
      problems.map(({ pointer, message }) => `${pointer === "" ? "" : `${pointer}: `}${message}`).join("; "),
    )
    this.problems = problems
  }
}

/**
 * Compiles a JSON value. `"${ CEL }"` keeps the expression's type, `"a ${ CEL } b"` makes text, `$${` stands
 * for `${`. Constants without expressions are kept whole. Throws `TemplateError` with all problems.
 */
export function parseTemplate(value: unknown): Template {
  const problems: TemplateProblem[] = []
  const template = compile(value, { problems, pointer: "", depth: 1 })
  if (problems.length > 0) throw new TemplateError(problems)
  return template
}

/** `name` as a segment of a JSON Pointer, with its slash. */
export function toPointer(name: string | number): string {
  return `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`
}

interface Place {
  problems: TemplateProblem[]
  pointer: string
  depth: number
}

function compile(value: unknown, place: Place): Template {
  if (typeof value === "string") return compileText(value, place)
  if (value === null || typeof value === "boolean") return value
  if (typeof value === "number" && Number.isFinite(value)) return value
  if (typeof value !== "object") return refuse(place, `a ${typeof value} is no JSON value`)
  if (place.depth > MAX_TEMPLATE_DEPTH) {
    return refuse(place, `nested deeper than ${MAX_TEMPLATE_DEPTH} levels`)
  }
  return Array.isArray(value) ? compileList(value, place) : compileObject(value, place)
}

function compileList(list: readonly unknown[], place: Place): Template {
  const members = list.map((member, index) => compile(member, inside(place, index)))
  return members.every(isConstant) ? ["'", members.map(toConstant)] : ["[", ...members]
}

function compileObject(object: object, place: Place): Template {
  const compiled: Record<string, Template> = Object.create(null)
  for (const [key, member] of Object.entries(object)) {
    if (findHole(key, 0) !== undefined) {
      refuse(inside(place, key), "a key cannot hold an expression: build such a map as ${ {key: value} }")
    }
    compiled[unescape(key)] = compile(member, inside(place, key))
  }
  if (!Object.values(compiled).every(isConstant)) return compiled
  const constant: Record<string, unknown> = Object.create(null)
  for (const [key, member] of Object.entries(compiled)) constant[key] = toConstant(member)
  return ["'", constant]
}

/** Whether the template holds no expression. Only constant lists and objects come wrapped. */
function isConstant(template: Template): boolean {
  return typeof template !== "object" || template === null || isWrapped(template)
}

function toConstant(template: Template): unknown {
  return isWrapped(template) ? template[1] : template
}

function isWrapped(template: Template): template is readonly ["'", unknown] {
  return Array.isArray(template) && template[0] === "'"
}

function compileText(text: string, place: Place): Template {
  const parts: (string | Tree)[] = []
  let literal = ""
  let at = 0
  for (;;) {
    const hole = findHole(text, at)
    if (hole === undefined) break
    literal += unescape(text.slice(at, hole))
    const end = findEnd(text, hole + 2)
    if (end === undefined) {
      return refuse(place, `\${ at character ${hole + 1} has no closing }; for a literal \${ write $\${`)
    }
    const tree = compileHole(text.slice(hole + 2, end), place)
    if (hole === 0 && end === text.length - 1) return tree === undefined ? null : ["$", tree]
    if (tree !== undefined) parts.push(literal, tree)
    literal = ""
    at = end + 1
  }
  literal += unescape(text.slice(at))
  return parts.length === 0 ? literal : ["+", ...parts, literal]
}

/** The next `${` that is not written `$${`. */
function findHole(text: string, from: number): number | undefined {
  let at = from
  for (;;) {
    at = text.indexOf("${", at)
    if (at === -1) return undefined
    if (at === from || text[at - 1] !== "$") return at
    at += 2
  }
}

function unescape(literal: string): string {
  return literal.replaceAll("$${", "${")
}

/** The `}` that closes the hole whose expression starts at `from`: braces in strings, maps and comments are passed. */
function findEnd(text: string, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < text.length; at = skipToken(text, at)) {
    if (text[at] === "{") depth += 1
    if (text[at] !== "}") continue
    if (depth === 0) return at
    depth -= 1
  }
  return undefined
}

function compileHole(source: string, place: Place): Tree | undefined {
  try {
    return parseExpression(source.trim())
  } catch (error) {
    if (!(error instanceof ExpressionSyntaxError)) throw error
    refuse(place, `in \${ ${excerpt(source.trim())} }: ${error.message}`)
    return undefined
  }
}

function excerpt(source: string): string {
  return source.length <= 60 ? source : `${source.slice(0, 60)}…`
}

function inside(place: Place, name: string | number): Place {
  return { problems: place.problems, pointer: place.pointer + toPointer(name), depth: place.depth + 1 }
}

function refuse({ problems, pointer }: Place, message: string): Template {
  problems.push({ pointer, message })
  return null
}
