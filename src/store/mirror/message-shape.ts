/** What messages of the same failure have in common, so that a thousand of them are one group. */

/** Enough to tell failures apart; a target's message may hold a whole document. */
const MAX_READ = 2_000
const MAX_CHARACTERS = 300

/** In this order: a quoted text may hold anything, and a timestamp, a UUID and a hex number consist of numbers. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/"(?:[^"\\]|\\.)*"|“[^“”]*”|‘[^‘’]*’|「[^「」]*」|『[^『』]*』|«[^«»]*»|`[^`]*`/gu, "<text>"],
  // Not the apostrophe of "can't".
  [/(?<![\p{L}\p{N}])'[^']*'(?![\p{L}\p{N}])/gu, "<text>"],
  [
    /(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)?(?!\d)/gu,
    "<time>",
  ],
  [
    /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?: GMT| [+-]\d{4})?/gu,
    "<time>",
  ],
  [/(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])/giu, "<uuid>"],
  [/(?<![0-9a-z])(?:0x[0-9a-f]+|(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{8,})(?![0-9a-z])/giu, "<hex>"],
  // ULIDs and their like.
  [/(?<![0-9a-z])(?=\d*[a-z])(?=[a-z]*\d)[0-9a-z]{16,}(?![0-9a-z])/giu, "<id>"],
  [/(?:(?<![\p{L}\p{N}])[+-])?\p{Nd}+(?:[.,:]\p{Nd}+)*/gu, "<n>"],
]

/**
 * The message with everything that differs from one failure to the next replaced: quoted texts by `<text>`,
 * timestamps by `<time>`, UUIDs by `<uuid>`, hexadecimal numbers and digests by `<hex>`, long ids of letters and
 * digits by `<id>`, numbers by `<n>`. White space counts as one space; at most 300 characters are kept.
 */
export function toMessageShape(message: string): string {
  const shape = VARIABLE.reduce(
    (text, [pattern, name]) => text.replaceAll(pattern, name),
    message.slice(0, MAX_READ),
  )
  return Array.from(shape.replaceAll(/\s+/gu, " ").trim()).slice(0, MAX_CHARACTERS).join("")
}
