/**
 * JSON as it was written. `JSON.parse` rounds 9007199254740993 and makes 1e999 infinite without a word; here such a
 * number comes out as the text it was written with.
 */

/** A text, which is left alone, or a number. Only for what is known to be JSON. */
const TEXT_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g
/** Without one of these every number is exact: a double holds 15 digits of any decimal. */
const SUSPECT = /[\d.]{16}|\d[eE]/

/**
 * An integer is a number where it is safe (up to 2^53 - 1), any other number where the double says all of its
 * digits: 0.1, 1.50 and 1e300 are numbers, 1234567890123456.7, 1e999 and 1e-999 texts. Nesting is bounded by the text
 * only. Throws `SyntaxError`, whose message may quote the text.
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!SUSPECT.test(text)) return value
  const exact = text.replace(TEXT_OR_NUMBER, (token) =>
    token.startsWith('"') || isExactNumber(token) ? token : `"${token}"`,
  )
  return exact.length === text.length ? value : JSON.parse(exact)
}

function isExactNumber(token: string): boolean {
  const value = Number(token)
  if (!/[.eE]/.test(token)) return Number.isSafeInteger(value)
  if (!Number.isFinite(value)) return false
  const written = toDecimal(token)
  // As JavaScript writes the double, or with as many of its digits as others ask for (%.17g, Python's Decimal).
  if (toDecimal(String(value)) === written) return true
  const places = written.indexOf("e")
  return places >= 1 && places <= MAX_PRECISION && toDecimal(value.toPrecision(places)) === written
}

/** The most that `toPrecision` takes. */
const MAX_PRECISION = 100

/** `15e-1`: digits without zeros around them, and the power of ten. Two spellings of one magnitude come out the same. */
function toDecimal(token: string): string {
  const [mantissa = "", power = "0"] = token.split(/[eE]/)
  const [whole = "", fraction = ""] = mantissa.split(".")
  const all = (whole + fraction).replace(/^-?0*/, "")
  let length = all.length
  // By hand: a pattern for zeros at the end takes quadratic time.
  while (all[length - 1] === "0") length--
  return length === 0
    ? "0"
    : `${all.slice(0, length)}e${Number(power) - fraction.length + all.length - length}`
}
