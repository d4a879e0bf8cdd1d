import { Misconfigured } from "../call.ts"

/**
 * A value that a driver has read, as JSON: bytes in base64, intervals as ISO 8601, NaN and the infinities as text.
 * Throws `Misconfigured` (`result_too_deep`) where lists and objects nest to more than `levels`.
 */
export function toJsonValue(value: unknown, levels: number): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
  if (typeof value === "bigint") return String(value)
  if (Buffer.isBuffer(value)) return value.toString("base64")
  if (typeof value !== "object" || value === null) return value ?? null
  if ("toISOString" in value && typeof value.toISOString === "function") return String(value.toISOString())
  if (levels === 0)
    throw new Misconfigured(
      "result_too_deep",
      "the result holds JSON that nests too deep; nothing was changed: let the statement return a part of it",
    )
  if (Array.isArray(value)) return value.map((member) => toJsonValue(member, levels - 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, toJsonValue(member, levels - 1)]),
  )
}
