/**
 * The operators `+ - * / %` and unary minus. CEL's overloads, and beyond them int with double (JSON numbers
 * are doubles), which gives a double.
 */
import { assertNever } from "../contract/errors.ts"
import { Fault } from "./error.ts"
import { calculate, toInt } from "./integers.ts"
import type { IntegerOperator } from "./integers.ts"
import { PER_STEP } from "./meter.ts"
import type { Meter } from "./meter.ts"
import { Duration, Timestamp } from "./times.ts"
import { Int, isList, nameKind } from "./values.ts"

export function add(a: unknown, b: unknown, meter: Meter): unknown {
  if (typeof a === "number" && typeof b === "number") return a + b
  if (typeof a === "string" && typeof b === "string") return concatenateText(a, b, meter)
  if (isList(a) && isList(b)) return concatenateLists(a, b, meter)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return concatenateBytes(a, b, meter)
  if (a instanceof Timestamp && b instanceof Duration) return new Timestamp(a.nanos + b.nanos)
  if (a instanceof Duration && b instanceof Timestamp) return new Timestamp(a.nanos + b.nanos)
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.nanos + b.nanos)
  return calculateAny("+", a, b)
}

export function subtract(a: unknown, b: unknown): unknown {
  if (a instanceof Timestamp && b instanceof Duration) return new Timestamp(a.nanos - b.nanos)
  if (a instanceof Timestamp && b instanceof Timestamp) return new Duration(a.nanos - b.nanos)
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.nanos - b.nanos)
  return calculateAny("-", a, b)
}

export function multiply(a: unknown, b: unknown): unknown {
  return calculateAny("*", a, b)
}

export function divide(a: unknown, b: unknown): unknown {
  return calculateAny("/", a, b)
}

/** Integers only, as in CEL. */
export function modulo(a: unknown, b: unknown): unknown {
  const result = calculate("%", a, b)
  if (result !== undefined) return result
  const hint =
    typeof a === "number" || typeof b === "number"
      ? "; numbers from JSON are doubles: int(x) makes an int"
      : ""
  throw new Fault("type_mismatch", `% takes two ints, not ${nameKind(a)} and ${nameKind(b)}${hint}`)
}

export function negate(a: unknown): unknown {
  if (typeof a === "number") return -a
  if (a instanceof Int) return toInt(-a.value)
  throw new Fault("type_mismatch", `unary minus takes a number, not ${nameKind(a)}`)
}

function calculateAny(operator: Exclude<IntegerOperator, "%">, a: unknown, b: unknown): unknown {
  const x = toDouble(a)
  const y = toDouble(b)
  if (x !== undefined && y !== undefined && (typeof a === "number" || typeof b === "number")) {
    return calculateDoubles(operator, x, y)
  }
  const result = calculate(operator, a, b)
  if (result !== undefined) return result
  throw new Fault("type_mismatch", `${operator} does not take ${nameKind(a)} and ${nameKind(b)}`)
}

/** A double or an int; a uint mixes with nothing, as in CEL. */
function toDouble(value: unknown): number | undefined {
  if (typeof value === "number") return value
  return value instanceof Int ? Number(value.value) : undefined
}

function calculateDoubles(operator: Exclude<IntegerOperator, "%">, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b
    case "-":
      return a - b
    case "*":
      return a * b
    case "/":
      return a / b
    default:
      return assertNever(operator)
  }
}

function concatenateText(a: string, b: string, meter: Meter): string {
  meter.admit(a.length + b.length, "a text")
  meter.spendOn(a.length + b.length, PER_STEP.characters)
  return a + b
}

function concatenateLists(a: readonly unknown[], b: readonly unknown[], meter: Meter): readonly unknown[] {
  meter.admit(a.length + b.length, "a list")
  meter.spendOn(a.length + b.length, PER_STEP.members)
  return a.concat(b)
}

function concatenateBytes(a: Uint8Array, b: Uint8Array, meter: Meter): Uint8Array {
  meter.admit(a.length + b.length, "a value of bytes")
  meter.spendOn(a.length + b.length, PER_STEP.characters)
  const bytes = new Uint8Array(a.length + b.length)
  bytes.set(a)
  bytes.set(b, a.length)
  return bytes
}
