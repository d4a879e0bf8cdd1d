/** When a gRPC server wants to be asked again: its pushback header, or `google.rpc.RetryInfo` in the details. */
import { fromBinary, toJson } from "@bufbuild/protobuf"
import type { Metadata } from "@grpc/grpc-js"
import { defineMessages } from "./define-messages.ts"

const messages = defineMessages("google.rpc", {
  Status: {
    code: { number: 1, type: "int32" },
    message: { number: 2, type: "string" },
    details: { number: 3, type: ".Any", repeated: true },
  },
  Any: { type_url: { number: 1, type: "string" }, value: { number: 2, type: "bytes" } },
  RetryInfo: { retry_delay: { number: 1, type: ".Duration" } },
  Duration: { seconds: { number: 1, type: "int64" }, nanos: { number: 2, type: "int32" } },
})

/** Milliseconds. `undefined` when the server named no time, or, by a negative pushback, wants no retry. */
export function findPushbackMs(metadata: Metadata): number | undefined {
  const header = Number(metadata.get("grpc-retry-pushback-ms")[0] ?? Number.NaN)
  if (Number.isInteger(header)) return header >= 0 ? header : undefined
  const details = metadata.get("grpc-status-details-bin")[0]
  return Buffer.isBuffer(details) ? findRetryInfoMs(details) : undefined
}

function findRetryInfoMs(bytes: Buffer): number | undefined {
  try {
    // The shapes are those defined above, in protobuf's JSON mapping.
    const status = toJson(messages.Status, fromBinary(messages.Status, bytes)) as {
      details?: { type_url?: string; value?: string }[]
    }
    const info = status.details?.find(({ type_url }) => type_url?.endsWith("/google.rpc.RetryInfo"))
    if (info === undefined) return undefined
    const value = Buffer.from(info.value ?? "", "base64")
    const { retry_delay: delay } = toJson(messages.RetryInfo, fromBinary(messages.RetryInfo, value)) as {
      retry_delay?: { seconds?: string; nanos?: number }
    }
    return Math.max(Number(delay?.seconds ?? 0) * 1_000 + Math.round((delay?.nanos ?? 0) / 1e6), 0)
  } catch {
    // Details are a courtesy: what cannot be read is not there.
    return undefined
  }
}
