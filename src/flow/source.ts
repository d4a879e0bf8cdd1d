/** A definition as it was sent, to a JSON value that is safe to walk. */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { findJsonFlaw, toLineAndColumn } from "./json-text.ts"
import { FLOW_LIMITS } from "./limits.ts"
import { pointerTo, type Report } from "./problem.ts"

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"])

/** An object as it is, JSON text parsed. Undefined when it cannot be used at all, which is reported. */
export function readSource(definition: unknown, report: Report): unknown {
  let sound = true
  const refuse: Report = (problem) => {
    sound = false
    report(problem)
  }
  const value = typeof definition === "string" ? parseText(definition, refuse) : definition
  if (!sound) return undefined
  checkShape(value, refuse)
  // Measured last: only a value of bounded depth can be written as JSON.
  if (sound && typeof definition !== "string") checkSize(JSON.stringify(value), refuse)
  return sound ? value : undefined
}

function parseText(text: string, report: Report): unknown {
  checkSize(text, report)
  if (text.length > FLOW_LIMITS.sourceBytes) return undefined
  const flaw = findJsonFlaw(text)
  if (flaw === undefined) return JSON.parse(text)
  report({
    pointer: "",
    code: "malformed_json",
    message: `the definition is not valid JSON at ${toLineAndColumn(text, flaw.offset)}: ${flaw.message}`,
  })
  return undefined
}

function checkSize(text: string, report: Report): void {
  const bytes = utf8ToBytes(text).length
  if (bytes <= FLOW_LIMITS.sourceBytes) return
  const message = `a definition may have ${FLOW_LIMITS.sourceBytes} bytes, this one has ${bytes}`
  report({ pointer: "", code: "definition_too_large", message })
}

/** Nothing but JSON, no deeper than the limit, no key that names a part of every object. */
function checkShape(document: unknown, report: Report): void {
  const waiting: { value: unknown; pointer: string; depth: number }[] = [
    { value: document, pointer: "", depth: 1 },
  ]
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { value, pointer, depth } = place
    const flaw = flawOf(value, depth)
    if (flaw !== undefined) {
      report({ pointer, ...flaw })
      continue
    }
    if (typeof value !== "object" || value === null) continue
    for (const [key, member] of Object.entries(value)) {
      const inside = pointerTo(pointer, key)
      if (FORBIDDEN_KEYS.has(key)) {
        report({ pointer: inside, code: "forbidden_key", message: `${key} is not allowed as a key` })
      } else waiting.push({ value: member, pointer: inside, depth: depth + 1 })
    }
  }
}

function flawOf(value: unknown, depth: number): { code: string; message: string } | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined
  if (typeof value === "number" && Number.isFinite(value)) return undefined
  if (typeof value !== "object")
    return { code: "not_json", message: `a value of type ${typeof value} is not JSON` }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    return { code: "not_json", message: "only plain objects are JSON values" }
  }
  if (depth <= FLOW_LIMITS.depth) return undefined
  return { code: "too_deep", message: `nested deeper than ${FLOW_LIMITS.depth} levels` }
}
