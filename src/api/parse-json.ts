/**
 * JSON from outside, refused where it would quietly be read or kept otherwise than it was written: repeated keys,
 * keys that reach a prototype, integers that a double cannot hold, text that UTF-8 cannot write, nesting that
 * overflows a stack.
 */
import { ApiProblem } from "./problem.ts"

export const MAX_JSON_DEPTH = 32
/** A flow of 2,000 tasks has room for 30 in each. */
export const MAX_JSON_KEYS = 60_000
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"])

interface Frame {
  /** Keys seen so far; absent for a list. */
  keys?: Set<string>
  /** The key or the position being read. */
  at: string | number
}

/** @throws {ApiProblem} `malformed_json` with the pointer of what is wrong. */
export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ApiProblem("malformed_json", { detail: explainSyntax(cause), cause })
  }
  inspectJson(text, [])
  return value
}

/**
 * Walks over text that is known to be JSON: a string before a colon is a key, and nothing else is. `around` are
 * the keys under which the text itself stands.
 * @throws {ApiProblem} `malformed_json` with the pointer of what is wrong.
 */
export function inspectJson(text: string, around: readonly string[]): void {
  const frames: Frame[] = around.map((at) => ({ at }))
  let keyCount = 0
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? ""
    const frame = frames.at(-1)
    if (character === "{" || character === "[") {
      frames.push(character === "{" ? { keys: new Set(), at: "" } : { at: 0 })
      if (frames.length > around.length + MAX_JSON_DEPTH)
        refuse("too_deep", `Nesting ends at ${MAX_JSON_DEPTH} levels.`, frames.slice(0, -1))
    } else if (character === "}" || character === "]") {
      frames.pop()
    } else if (character === ",") {
      if (typeof frame?.at === "number") frame.at++
    } else if (character === '"') {
      const end = endOfString(text, index)
      const literal = text.slice(index, end)
      if (frame?.keys !== undefined && isKey(text, end)) {
        frame.at = toText(literal)
        if (++keyCount > MAX_JSON_KEYS)
          refuse("too_many_keys", `A body has at most ${MAX_JSON_KEYS} keys.`, [])
        checkKey(frames, frame.keys, frame.at)
      }
      // UTF-8 text holds no half of a surrogate pair: only an escape can.
      if (literal.includes("\\u")) checkText(literal, frames)
      index = end - 1
    } else if (character === "-" || (character >= "0" && character <= "9")) {
      const end = endOfNumber(text, index)
      checkNumber(text.slice(index, end), frames)
      index = end - 1
    }
  }
}

function checkKey(frames: readonly Frame[], keys: Set<string>, key: string): void {
  if (FORBIDDEN_KEYS.has(key)) refuse("forbidden_key", `The key ${key} is not accepted.`, frames)
  if (keys.has(key))
    refuse("duplicate_key", "The key occurs twice in one object: which one counts is not defined.", frames)
  keys.add(key)
}

function checkText(literal: string, frames: readonly Frame[]): void {
  if (!/\p{Surrogate}/u.test(toText(literal))) return
  refuse("text_not_unicode", "The text has half of a surrogate pair, which no UTF-8 can hold.", frames)
}

function checkNumber(token: string, frames: readonly Frame[]): void {
  const value = Number(token)
  if (!Number.isFinite(value))
    refuse("number_out_of_range", "The number is larger than a double can hold.", frames)
  if (/^-?\d+$/.test(token) && !Number.isSafeInteger(value)) {
    refuse(
      "number_not_exact",
      "The integer is beyond 2^53 and would lose digits: send it as a string.",
      frames,
    )
  }
}

function refuse(code: string, detail: string, frames: readonly Frame[]): never {
  const pointer = frames
    .map(
      ({ at }) =>
        `/${String(at)
          .replaceAll(/\p{Surrogate}/gu, "\uFFFD")
          .replaceAll("~", "~0")
          .replaceAll("/", "~1")}`,
    )
    .join("")
  throw new ApiProblem("malformed_json", {
    detail: `${detail} At ${pointer === "" ? "the top" : pointer.slice(0, 200)}.`,
    errors: [{ pointer, code, detail }],
  })
}

/** The position after the closing quote. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; ; index++) {
    if (text[index] === "\\") index++
    else if (text[index] === '"') return index + 1
  }
}

function endOfNumber(text: string, start: number): number {
  let index = start + 1
  while (index < text.length && /[0-9.eE+-]/.test(text[index] ?? "")) index++
  return index
}

function isKey(text: string, from: number): boolean {
  let index = from
  while (" \t\r\n".includes(text[index] ?? ",")) index++
  return text[index] === ":"
}

function toText(literal: string): string {
  // A literal of text that parsed: its value is a string.
  return literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1)
}

/** V8's message without the excerpt of the body it quotes. */
function explainSyntax(cause: unknown): string {
  const position = cause instanceof Error ? /position (\d+)/.exec(cause.message)?.[1] : undefined
  return position === undefined
    ? "The body is not JSON: it ends too early."
    : `The body is not JSON: something unexpected at position ${position}.`
}
