/** Sizes in bytes of JSON, near enough for limits: a character counts as one byte, or three beyond ASCII. */

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
    } else size += 5
  }
  return size
}

function textSize(text: string): number {
  let size = text.length + 2
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) size += 2
  return size
}
