/** UTF-8, base64 and Unicode order, by hand: the sandbox has neither TextDecoder nor atob. */
import { Fault } from "./error.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

export function countCodePoints(text: string): number {
  let count = text.length
  for (let at = 1; at < text.length; at += 1) {
    if (isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1))) count -= 1
  }
  return count
}

/** Below zero, zero or above, by code points (UTF-16 order puts U+10000 before U+E000). */
export function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at += 1) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right) return toCodePointOrder(left) - toCodePointOrder(right)
  }
  return a.length - b.length
}

/** Surrogates above all other units, which is where the code points lie that they stand for. */
function toCodePointOrder(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** Bytes that `text` takes in UTF-8. */
export function countUtf8(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    if (isLow(unit) && at > 0 && isHigh(text.charCodeAt(at - 1))) bytes -= 2
  }
  return bytes
}

/** Lone surrogates become U+FFFD, as TextEncoder has it. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3)
  let length = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    length = writePoint(bytes, length, point >= 0xd800 && point < 0xe000 ? 0xfffd : point)
  }
  return bytes.slice(0, length)
}

function writePoint(bytes: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    bytes[at] = point
    return at + 1
  }
  const trailing = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3
  bytes[at] = ([0, 0xc0, 0xe0, 0xf0][trailing] ?? 0) | (point >> (6 * trailing))
  for (let index = 1; index <= trailing; index += 1) {
    bytes[at + index] = 0x80 | ((point >> (6 * (trailing - index))) & 0x3f)
  }
  return at + 1 + trailing
}

/** Throws a `Fault` for bytes that are not UTF-8 (RFC 3629: no overlong forms, no surrogates). */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = ""
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at] ?? 0
    const trailing =
      lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
    if (trailing === -1) throw notUtf8(at)
    let point = trailing === 0 ? lead : lead & (0x3f >> trailing)
    for (let index = 1; index <= trailing; index += 1) {
      const next = bytes[at + index] ?? 0
      if ((next & 0xc0) !== 0x80) throw notUtf8(at)
      point = (point << 6) | (next & 0x3f)
    }
    const least = [0, 0x80, 0x800, 0x10000][trailing] ?? 0
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) throw notUtf8(at)
    text += String.fromCodePoint(point)
    at += 1 + trailing
  }
  return text
}

function notUtf8(at: number): Fault {
  return new Fault("invalid_argument", `the bytes are not UTF-8 at position ${at}`)
}

export function encodeBase64(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += 3) {
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    const present = Math.min(bytes.length - at, 3)
    for (let digit = 0; digit < 4; digit += 1) {
      text += digit <= present ? ALPHABET.charAt((bits >> (18 - 6 * digit)) & 0x3f) : "="
    }
  }
  return text
}

/** For base64 that this project wrote (constants of a stored tree): padding and digits are taken as right. */
export function decodeBase64(text: string): Uint8Array {
  const digits = text.replaceAll("=", "")
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let count = 0
  let length = 0
  for (const digit of digits) {
    bits = ((bits << 6) | ALPHABET.indexOf(digit)) & 0xffffff
    count += 6
    if (count < 8) continue
    count -= 8
    bytes[length] = (bits >> count) & 0xff
    length += 1
  }
  return bytes
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}
