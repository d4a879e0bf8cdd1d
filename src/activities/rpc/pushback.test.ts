import { Metadata } from "@grpc/grpc-js"
import { describe, expect, test } from "vitest"
import { findPushbackMs } from "./pushback.ts"

/** google.rpc.Status{code: 8, details: [Any{RetryInfo{retry_delay: 3.25s}}]}, written out by hand. */
function retryInfo(): Buffer {
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
  const nanos = 250_000_000
  const varint: number[] = []
  for (let left = nanos; ; left = Math.floor(left / 128)) {
    if (left < 128) {
      varint.push(left)
      break
    }
    varint.push((left % 128) | 128)
  }
  const duration = Buffer.from([0x08, 3, 0x10, ...varint])
  const any = Buffer.concat([
    field(1, Buffer.from("type.googleapis.com/google.rpc.RetryInfo")),
    field(2, field(1, duration)),
  ])
  return Buffer.concat([Buffer.from([0x08, 8]), field(3, any)])
}

const metadataOf = (values: Record<string, string | Buffer>) => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(values)) metadata.set(name, value)
  return metadata
}

describe("findPushbackMs()", () => {
  test("reads the pushback header", () => {
    expect(findPushbackMs(metadataOf({ "grpc-retry-pushback-ms": "1500" }))).toBe(1_500)
    expect(findPushbackMs(metadataOf({ "grpc-retry-pushback-ms": "0" }))).toBe(0)
    expect(findPushbackMs(metadataOf({ "grpc-retry-pushback-ms": "-1" }))).toBeUndefined()
  })

  test("reads RetryInfo", () => {
    expect(findPushbackMs(metadataOf({ "grpc-status-details-bin": retryInfo() }))).toBe(3_250)
  })

  test("knows nothing without either, or from details it cannot read", () => {
    expect(findPushbackMs(new Metadata())).toBeUndefined()
    expect(findPushbackMs(metadataOf({ "grpc-retry-pushback-ms": "soon" }))).toBeUndefined()
    expect(
      findPushbackMs(metadataOf({ "grpc-status-details-bin": Buffer.from([0xff, 0xff]) })),
    ).toBeUndefined()
  })
})
