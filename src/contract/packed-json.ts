/** Deflated JSON (RFC 1951): how what may be large travels between a run and the rest. */
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate"

export function packJson(value: unknown): Uint8Array {
  return deflateSync(strToU8(JSON.stringify(value)))
}

/** @throws for bytes that `packJson` did not write. */
export function unpackJson(packed: Uint8Array): unknown {
  return JSON.parse(strFromU8(inflateSync(packed)))
}
