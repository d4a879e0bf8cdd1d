/** Sizes in bytes of JSON, never too small: escapes count in full, characters beyond ASCII as three bytes. */

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

function textSize(text: string): number {
  let size = text.length + 2
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) size += code >= 0xd800 && code <= 0xdfff ? 5 : 2
    else if (code < 0x20) size += 5
    else if (code === QUOTE || code === BACKSLASH) size += 1
  }
  return size
}
