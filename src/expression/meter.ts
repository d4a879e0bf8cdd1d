/**
 * The work an expression may do. One meter per workflow activation (or per activity, or request): each
 * evaluation gets its own steps out of the activation's.
 *
 * A step is one node of the tree evaluated or one turn of a macro. Work that grows with its data costs extra:
 * a step per started share of the prices below.
 */
import { Fault } from "./error.ts"

export interface Limits {
  /** Steps of one expression. */
  steps: number
  /** Steps of all expressions that share the meter. */
  activation_steps: number
  /** Size of a result, as JSON in UTF-8 (escapes not counted, a number counts 8). */
  value_bytes: number
  /** UTF-16 units of a text, members of a list or map, bytes of bytes, where an expression makes one. */
  length: number
  /** How deep a value may nest that is compared or leaves. */
  value_depth: number
}

/** The limits of cel/1. Another set would be another version of the language. */
export const CEL_1_LIMITS: Readonly<Limits> = {
  steps: 100_000,
  activation_steps: 1_000_000,
  value_bytes: 256 * 1024,
  length: 100_000,
  value_depth: 256,
}

/** How much data one step pays for. Measured: 100,000 steps take less than 100 ms, whatever they buy. */
export const PER_STEP = {
  /** Characters copied, compared or counted. */
  characters: 64,
  /** Bytes hashed. */
  hashed: 16,
  /** Comparisons of a search at worst, length of the text times length of the part. */
  searched: 1024,
  /** Members of a list copied. */
  members: 8,
} as const

/** Budget of steps for one activation, handed out per expression. */
export class Meter {
  readonly limits: Readonly<Limits>
  #activation: number
  #granted = 0
  #left = 0

  constructor(limits: Readonly<Limits>) {
    this.limits = limits
    this.#activation = limits.activation_steps
  }

  /** Starts an expression: what the last one left goes back to the activation. */
  begin(): void {
    this.#activation -= this.#granted - this.#left
    this.#granted = Math.min(this.limits.steps, this.#activation)
    this.#left = this.#granted
  }

  /** No step is left of this expression's. */
  get spent(): boolean {
    return this.#left <= 0
  }

  spend(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) this.#refuse()
  }

  /** Pays for `amount` units of which one step buys `perStep`. */
  spendOn(amount: number, perStep: number): void {
    this.spend(Math.ceil(amount / perStep))
  }

  /** Pays for and admits a text, list, map or bytes that an expression makes. */
  admit(length: number, kind: string): void {
    if (length > this.limits.length) {
      throw new Fault(
        "limit_exceeded",
        `${kind} of ${length} is longer than the limit of ${this.limits.length}`,
      )
    }
  }

  #refuse(): never {
    this.#left = 0
    const whole = this.#granted < this.limits.steps
    throw new Fault(
      "limit_exceeded",
      whole
        ? `the expressions of this activation took more than ${this.limits.activation_steps} steps`
        : `the expression took more than ${this.limits.steps} steps`,
    )
  }
}

/** A meter for one activation. Limits that are not given are those of cel/1. */
export function createMeter(limits: Partial<Limits> = {}): Meter {
  return new Meter({ ...CEL_1_LIMITS, ...limits })
}
