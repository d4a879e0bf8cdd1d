/**
 * Finds what is wrong with JSON text. `JSON.parse` decides what is right; its messages name no position for
 * some errors, and it takes a repeated key without a word.
 */

export interface JsonFlaw {
  /** In UTF-16 code units from 0. */
  offset: number
  message: string
}

/** The first error or repeated key (RFC 8259), or undefined. Does not recurse: nesting is bounded by the text only. */
export function findJsonFlaw(text: string): JsonFlaw | undefined {
  const scan: Scan = { text, at: 0, open: [], expected: "value" }
  for (;;) {
    scan.at = skipSpace(text, scan.at)
    if (scan.expected === "end" && scan.at >= text.length) return undefined
    const flaw = step(scan)
    if (flaw !== undefined) return flaw
  }
}

/** `line 3, column 14`, both from 1. */
export function toLineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n")
  return `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`
}

type Expected = "value" | "value or ]" | "key" | "key or }" | ":" | ", or ]" | ", or }" | "end"

interface Scan {
  text: string
  at: number
  /** The containers around, innermost last: the keys so far of an object, null for a list. */
  open: (Set<string> | null)[]
  expected: Expected
}

const NAMES: Record<Expected, string> = {
  value: "a value",
  "value or ]": "a value or ]",
  key: "a key in double quotes",
  "key or }": "a key in double quotes or }",
  ":": ":",
  ", or ]": ", or ]",
  ", or }": ", or }",
  end: "the end",
}

const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y

function step(scan: Scan): JsonFlaw | undefined {
  const character = scan.text[scan.at]
  const { expected } = scan
  if (expected === "end") return unexpected(scan)
  if (expected === ":") return character === ":" ? next(scan, 1, "value") : unexpected(scan)
  const closing = expected.at(-1)
  if (character === closing && (closing === "]" || closing === "}")) return close(scan)
  if (expected.startsWith("value")) return value(scan, character)
  if (expected.startsWith("key")) return key(scan)
  return character === "," ? next(scan, 1, closing === "]" ? "value" : "key") : unexpected(scan)
}

function value(scan: Scan, character: string | undefined): JsonFlaw | undefined {
  if (character === "{") {
    scan.open.push(new Set())
    return next(scan, 1, "key or }")
  }
  if (character === "[") {
    scan.open.push(null)
    return next(scan, 1, "value or ]")
  }
  if (character === '"') {
    const text = readString(scan)
    if (typeof text !== "string") return text
    scan.at += text.length
    return after(scan)
  }
  SCALAR.lastIndex = scan.at
  const token = SCALAR.exec(scan.text)?.[0]
  if (token === undefined) return unexpected(scan)
  scan.at += token.length
  return after(scan)
}

function key(scan: Scan): JsonFlaw | undefined {
  if (scan.text[scan.at] !== '"') return unexpected(scan)
  const token = readString(scan)
  if (typeof token !== "string") return token
  const keys = scan.open.at(-1)
  // The token has just been read by the grammar of a JSON string.
  const name = JSON.parse(token) as string
  if (keys?.has(name) === true) return { offset: scan.at, message: `the key ${token} is there twice` }
  keys?.add(name)
  return next(scan, token.length, ":")
}

/** The string token that starts here, quotes included. */
function readString({ text, at }: Scan): string | JsonFlaw {
  let position = at + 1
  for (;;) {
    const code = text.charCodeAt(position)
    if (Number.isNaN(code)) return { offset: at, message: "this text has no closing double quote" }
    if (code === 0x22) return text.slice(at, position + 1)
    if (code < 0x20) {
      return { offset: position, message: "a control character in a text must be written as an escape" }
    }
    if (code === 0x5c) {
      ESCAPE.lastIndex = position
      const escape = ESCAPE.exec(text)?.[0]
      if (escape === undefined) return { offset: position, message: "there is no such \\ escape in JSON" }
      position += escape.length
    } else position += 1
  }
}

function close(scan: Scan): undefined {
  scan.open.pop()
  scan.at += 1
  return after(scan)
}

function after(scan: Scan): undefined {
  const around = scan.open.at(-1)
  scan.expected = around === undefined ? "end" : around === null ? ", or ]" : ", or }"
}

function next(scan: Scan, length: number, expected: Expected): undefined {
  scan.at += length
  scan.expected = expected
}

function unexpected({ text, at, expected }: Scan): JsonFlaw {
  const came =
    at >= text.length ? "the text ends" : JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))
  return { offset: at, message: `expected ${NAMES[expected]}, got ${came}` }
}

function skipSpace(text: string, at: number): number {
  let position = at
  while (" \t\n\r".includes(text[position] ?? "x")) position += 1
  return position
}
