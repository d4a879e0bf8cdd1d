/** What an expression can fail with. Code is API, message is prose. */
import type { Tree } from "../contract/tree.ts"
import { describeTree } from "./describe.ts"

export type ExpressionErrorCode =
  /** A field, key or parent that is not there. `coalesce` absorbs it. */
  | "missing_field"
  /** A list position that is not there. `coalesce` absorbs it. */
  | "index_out_of_range"
  | "unknown_name"
  | "type_mismatch"
  /** A value of the right type that cannot be used: `int('x')`, text that is not JSON. */
  | "invalid_argument"
  | "division_by_zero"
  | "overflow"
  | "duplicate_key"
  /** A result that JSON cannot hold: NaN, an infinity, a type. */
  | "not_json"
  /** A limit of cel/1. Nothing absorbs it. */
  | "limit_exceeded"
  /** An output was looked into of which only a reference is here. `coalesce` does not absorb it. */
  | "kept_by_reference"
  /** An input that does not fit the fields its task definition declares. */
  | "input_invalid"
  /** A stored tree that this release cannot read. */
  | "unknown_function"

/** The only thing `evaluate` and `render` throw for what an author wrote or a payload held. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError"
  readonly code: ExpressionErrorCode

  constructor(code: ExpressionErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * An `ExpressionError` on its way to the border. No `Error`, and put into words only there, because `&&`,
 * `||`, the macros and `coalesce` absorb faults in loops.
 */
export class Fault {
  readonly code: ExpressionErrorCode
  readonly #message: string | (() => string)
  /** The innermost node that failed. */
  tree: Tree | undefined

  constructor(code: ExpressionErrorCode, message: string | (() => string)) {
    this.code = code
    this.#message = message
    this.tree = undefined
  }

  toError(): ExpressionError {
    const message = typeof this.#message === "string" ? this.#message : this.#message()
    return new ExpressionError(
      this.code,
      this.tree === undefined ? message : `${describeTree(this.tree)}: ${message}`,
    )
  }
}
