/** Sizes in bytes of JSON, never too small. */

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Stops counting at `limit`, so that a huge value costs no more than a large one. */
export function jsonSize(value: unknown, limit: number): number {
  const stack: unknown[] = [value]
  let size = 0
  while (stack.length > 0 && size <= limit) {
    const next = stack.pop()
    if (typeof next === "string") size += textSize(next)
    else if (Array.isArray(next)) {
      size += 2 + next.length
      for (const item of next) stack.push(item)
    } else if (typeof next === "object" && next !== null) {
      size += 2
      for (const [key, item] of Object.entries(next)) {
        size += textSize(key) + 2
        stack.push(item)
      }
    } else size += typeof next === "number" ? String(next).length : 5
  }
  return size
}

/** The longest beginning of a text that takes no more than `bytes`, its quotes not counted; whole characters only. */
export function cutText(text: string, bytes: number): string {
  // No character takes more than six bytes (an escape), and none less than one.
  if (text.length * 6 <= bytes) return text
  let size = 0
  for (let at = 0; at < text.length;) {
    const units = isPair(text, at) ? 2 : 1
    size += characterSize(text, at)
    if (size > bytes) return text.slice(0, at)
    at += units
  }
  return text
}

function textSize(text: string): number {
  let size = 2
  for (let at = 0; at < text.length; at += isPair(text, at) ? 2 : 1) size += characterSize(text, at)
  return size
}

/** Of the character at a position: UTF-8, or the escape that JSON writes for it. */
function characterSize(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 0x80) return code < 0x20 ? 6 : code === QUOTE || code === BACKSLASH ? 2 : 1
  if (code < 0x800) return 2
  if (code < 0xd800 || code > 0xdfff) return 3
  return isPair(text, at) ? 4 : 6
}

function isPair(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code < 0xd800 || code > 0xdbff) return false
  const next = text.charCodeAt(at + 1)
  return next >= 0xdc00 && next <= 0xdfff
}
