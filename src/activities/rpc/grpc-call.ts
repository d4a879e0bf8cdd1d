import { type Client, type Metadata, type ServiceError, status as statuses } from "@grpc/grpc-js"
import { toError } from "../../contract/errors.ts"

export interface UnaryCall {
  /** `/package.Service/Method`. */
  path: string
  message: Buffer
  metadata: Metadata
  /** Milliseconds since the epoch. */
  deadline: number
  signal: AbortSignal
}

export type UnaryEnd = { peer: string } & (
  { reply: Buffer } | { error: ServiceError | Error; /** A reply had begun to come. */ replying: boolean }
)

/** One call on a channel that is ready. Never rejects; an abort cancels the call and is its error. */
export function callUnary(
  client: Client,
  { path, message, metadata, deadline, signal }: UnaryCall,
): Promise<UnaryEnd> {
  return new Promise((resolve) => {
    const asIs = (bytes: Buffer) => bytes
    let replying = false
    const call = client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      message,
      metadata,
      { deadline },
      (error, reply) => {
        signal.removeEventListener("abort", onAbort)
        const peer = call.getPeer()
        if (!error) resolve({ reply: reply ?? Buffer.alloc(0), peer })
        else
          resolve({
            error: signal.aborted && error.code === statuses.CANCELLED ? toError(signal.reason) : error,
            replying,
            peer,
          })
      },
    )
    call.on("metadata", () => (replying = true))
    const onAbort = (): void => call.cancel()
    signal.addEventListener("abort", onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}
