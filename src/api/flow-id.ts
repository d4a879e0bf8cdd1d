import { randomBytes } from "node:crypto"

/**
 * A UUID of version 7 (RFC 9562 5.7): sortable by time, and until the year 2527 it starts with a 0. A flow's
 * name never starts with a digit, so one parameter can take either.
 */
export function createFlowId(now = Date.now()): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}
