/** What a header of an HTTP request may be, so that no value can start another header (C39). */

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Tab and printable characters of one byte (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** They frame the message or belong to the hop; the client sets them. */
const FRAMING = new Set(
  "connection content-length expect host http2-settings keep-alive te trailer transfer-encoding upgrade".split(
    " ",
  ),
)

/** What is wrong with a header's name; undefined for a good one. */
export function explainHeaderName(name: string): string | undefined {
  if (!TOKEN.test(name)) return `${JSON.stringify(name)} is not a header name`
  return FRAMING.has(name.toLowerCase()) ? `the header ${name.toLowerCase()} is set by the client` : undefined
}

/** What is wrong with its value, which is not repeated: it may be a secret. */
export function explainHeaderValue(name: string, value: string): string | undefined {
  return FIELD_VALUE.test(value)
    ? undefined
    : `the header ${name.toLowerCase()} holds a line break or a character that headers cannot carry`
}
