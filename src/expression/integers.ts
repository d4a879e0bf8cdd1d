/** Exact 64-bit arithmetic. Safe integers stay JavaScript numbers; BigInt takes over beyond them. */
import { assertNever } from "../contract/errors.ts"
import { Fault } from "./error.ts"
import { Int, Uint } from "./values.ts"

const INT_MIN = -(2n ** 63n)
const INT_MAX = 2n ** 63n - 1n
const UINT_MAX = 2n ** 64n - 1n

export type IntegerOperator = "+" | "-" | "*" | "/" | "%"

/** An int from any whole number; a `Fault` when it does not fit in 64 bits. */
export function toInt(value: number | bigint): Int {
  if (typeof value === "number" && Number.isSafeInteger(value)) return new Int(value + 0)
  const exact = BigInt(value)
  if (exact < INT_MIN || exact > INT_MAX)
    throw new Fault("overflow", "the result does not fit in a 64-bit int")
  return new Int(narrow(exact))
}

export function toUint(value: number | bigint): Uint {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return new Uint(value + 0)
  const exact = BigInt(value)
  if (exact < 0n || exact > UINT_MAX) throw new Fault("overflow", "the result does not fit in a 64-bit uint")
  return new Uint(narrow(exact))
}

/** Both operands are of one type; `undefined` when neither is an integer. */
export function calculate(operator: IntegerOperator, a: unknown, b: unknown): Int | Uint | undefined {
  if (a instanceof Int && b instanceof Int) return toInt(combine(operator, a.value, b.value))
  if (a instanceof Uint && b instanceof Uint) return toUint(combine(operator, a.value, b.value))
  return undefined
}

function combine(operator: IntegerOperator, a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === "number" && typeof b === "number") {
    const result = combineNumbers(operator, a, b)
    // A rounded result is never safe, so a safe one is exact.
    if (Number.isSafeInteger(result)) return result
  }
  return combineExactly(operator, BigInt(a), BigInt(b))
}

function combineNumbers(operator: IntegerOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b
    case "-":
      return a - b
    case "*":
      return a * b
    case "/":
      return (a - (a % b)) / b
    case "%":
      return a % b
    default:
      return assertNever(operator)
  }
}

function combineExactly(operator: IntegerOperator, a: bigint, b: bigint): bigint {
  switch (operator) {
    case "+":
      return a + b
    case "-":
      return a - b
    case "*":
      return a * b
    case "/":
      if (b === 0n) throw new Fault("division_by_zero", "an integer is divided by zero")
      return a / b
    case "%":
      if (b === 0n) throw new Fault("division_by_zero", "the remainder of a division by zero")
      return a % b
    default:
      return assertNever(operator)
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
