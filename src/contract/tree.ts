/**
 * The stored form of an expression: our own compact arrays, written at publish (flow/parse-expression),
 * read by the evaluator inside the workflow and the activities. Plain JSON; a change of shape is a new
 * plan format.
 */

/** CEL syntax, macros expanded to comprehensions (`q`) as the parser does. */
export type Tree =
  | readonly ["n"]
  | readonly ["b", boolean]
  /** A 64-bit int; text when it is not a safe integer. */
  | readonly ["i", number | string]
  /** Unsigned. */
  | readonly ["u", number | string]
  /** Double; text for NaN and the infinities. */
  | readonly ["d", number | string]
  | readonly ["s", string]
  /** Bytes as base64. */
  | readonly ["y", string]
  /** A name. */
  | readonly ["v", string]
  /** Field access: operand, field. */
  | readonly ["f", Tree, string]
  /** `has(operand.field)`. */
  | readonly ["h", Tree, string]
  /** Call: function (operators by their CEL names, `_+_`), arguments; a receiver is the first argument. */
  | readonly ["c", string, ...Tree[]]
  | readonly ["l", ...Tree[]]
  /** Map: key, value, key, value, … */
  | readonly ["m", ...Tree[]]
  /** Comprehension: range, variable, accumulator, init, condition, step, result. */
  | readonly ["q", Tree, string, string, Tree, Tree, Tree, Tree]

/**
 * A JSON value with expressions in it, as compiled. Scalars and objects stand for themselves; every array
 * is tagged, so that a list of the author's can never be taken for an expression.
 */
export type Template =
  | null
  | boolean
  | number
  | string
  | { readonly [key: string]: Template }
  /** List. */
  | readonly ["[", ...Template[]]
  /** A whole-string expression: its value keeps its type. */
  | readonly ["$", Tree]
  /** Text with expressions in it. Odd members are literal text, even ones are trees: `["+", "a ", tree, " b"]`. */
  | readonly ["+", ...(string | Tree)[]]
  /** A constant without expressions inside, kept whole. */
  | readonly ["'", unknown]
