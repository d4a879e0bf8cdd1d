/** How a value looks after the encodings that text goes through on its way to a log, a URL or a reply. */

/** Shorter pieces of base64 would turn up by chance. */
const MIN_BYTES_INSIDE = 8

/** Longest first, so that a spelling that contains another is replaced whole. */
export function spellSecret(value: string): string[] {
  const bytes = Buffer.from(value)
  const json = JSON.stringify(value).slice(1, -1)
  const ascii = toAscii(json)
  const url = encodeURIComponent(value)
  const strictUrl = url.replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  const form = new URLSearchParams({ v: value }).toString().slice(2)
  const forms = new Set([
    value,
    ...[json, ascii, ascii.replaceAll(/\\u[0-9a-f]{4}/g, upperHex)].flatMap(escapeAgain),
    ...[url, strictUrl, form].flatMap((text) => [
      text,
      text.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    ]),
    toHtml(value),
    ...spellBase64(bytes),
  ])
  if (bytes.length >= MIN_BYTES_INSIDE)
    for (const one of [bytes.toString("hex"), bytes.toString("hex").toUpperCase()]) forms.add(one)
  return [...forms].toSorted((a, b) => b.length - a.length)
}

/** By itself, and at any place inside a longer text that was encoded as one, such as `user:password`. */
function spellBase64(bytes: Buffer): string[] {
  const whole = bytes.toString("base64")
  const forms = [whole, whole.replace(/=+$/, "")]
  if (bytes.length >= MIN_BYTES_INSIDE)
    for (const before of [0, 1, 2]) {
      const shifted = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
      // The characters at both ends also hold bits of the neighbours.
      const whereOwnBitsEnd = Math.floor(((before + bytes.length) * 8) / 6)
      forms.push(shifted.slice(Math.ceil((before * 8) / 6), whereOwnBitsEnd))
    }
  return [...forms, ...forms.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))]
}

/** As JSON, as JSON with `\/`, and both as text inside of JSON. */
function escapeAgain(json: string): string[] {
  const slashed = json.replaceAll("/", "\\/")
  return [json, slashed, ...[json, slashed].map((text) => JSON.stringify(text).slice(1, -1))]
}

function toAscii(json: string): string {
  return json.replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}

function upperHex(escape: string): string {
  return `\\u${escape.slice(2).toUpperCase()}`
}

function toHtml(value: string): string {
  const names: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  }
  return value.replaceAll(/[&<>"']/g, (mark) => names[mark] ?? mark)
}
