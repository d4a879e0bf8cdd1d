/** Builds maps: a plain object without prototype as long as all keys are text. */
import { Fault } from "./error.ts"
import { toInt } from "./integers.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import { KeyedMap } from "./values.ts"
import type { AnyMap } from "./values.ts"

export class MapBuilder {
  readonly #meter: Meter
  readonly #text: Record<string, unknown> = Object.create(null)
  #keyed: KeyedMap | undefined
  #size = 0

  constructor(meter: Meter) {
    this.#meter = meter
  }

  /** For a literal, in which no key may come twice. */
  add(key: unknown, value: unknown): void {
    if (this.#has(key)) throw new Fault("duplicate_key", "a key of the map is given twice")
    this.set(key, value)
  }

  set(key: unknown, value: unknown): void {
    this.#size += 1
    this.#meter.admit(this.#size, "a map")
    if (typeof key === "string") this.#meter.spendOn(key.length, PER_STEP.characters)
    if (typeof key === "string" && this.#keyed === undefined) this.#text[key] = value
    else this.#toKeyed().set(toWholeKey(key), value)
  }

  build(): AnyMap {
    return this.#keyed ?? this.#text
  }

  #has(key: unknown): boolean {
    if (this.#keyed !== undefined) return this.#keyed.get(key) !== undefined
    return typeof key === "string" && key in this.#text
  }

  #toKeyed(): KeyedMap {
    if (this.#keyed === undefined) {
      this.#keyed = new KeyedMap()
      for (const [key, value] of Object.entries(this.#text)) this.#keyed.set(key, value)
    }
    return this.#keyed
  }
}

/** A whole number from JSON is a double, and as a key an int (which is how the library has it too). */
function toWholeKey(key: unknown): unknown {
  if (typeof key !== "number") return key
  if (Number.isInteger(key)) return toInt(key)
  throw new Fault(
    "type_mismatch",
    "the key of a map is a string, int, uint or bool, not a double with a fraction",
  )
}
