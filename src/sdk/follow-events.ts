/** The client's end of a stream of Server-Sent Events. */
import { setTimeout as sleep } from "node:timers/promises"
import { parseAnswer } from "./answer.ts"
import type { ClientOptions } from "./client.ts"
import { ApiError, Unreachable } from "./errors.ts"
import type { TransactionEvent } from "./shapes.ts"

interface Following {
  target: string
  signal: AbortSignal | undefined
}

const AGAIN_AFTER_MS = 1_000
/** The server pings every 15 s: after this long without a word nobody is there. */
const SILENCE_MS = 45_000

/**
 * Events as they come, those that come together as one item. Ends with the transaction and with `signal`.
 * @throws ApiError, and Unreachable when the server cannot be reached at all.
 */
export async function* followEvents(
  options: ClientOptions,
  { target, signal }: Following,
): AsyncGenerator<TransactionEvent[]> {
  let newest: TransactionEvent | undefined
  for (;;) {
    if (signal?.aborted) return
    const connection = new AbortController()
    const leave = () => connection.abort()
    signal?.addEventListener("abort", leave, { once: true })
    try {
      const response = await open(options, { target, after: newest?.id, signal: connection.signal })
      if (response?.status === 204) return
      for await (const events of readEvents(response, leave)) {
        newest = events.at(-1)
        yield events
      }
      if (newest?.type === "transaction.ended") return
    } finally {
      signal?.removeEventListener("abort", leave)
      leave()
    }
    await sleep(AGAIN_AFTER_MS, undefined, signal ? { signal } : {}).catch(() => {})
  }
}

interface Opening {
  target: string
  after: number | undefined
  signal: AbortSignal
}

/** `undefined` when it was aborted. */
async function open(
  { baseUrl, apiKey }: ClientOptions,
  { target, after, signal }: Opening,
): Promise<Response | undefined> {
  const origin = baseUrl.replace(/\/+$/, "")
  const response = await fetch(origin + target, {
    headers: {
      accept: "text/event-stream",
      ...(after === undefined ? {} : { "last-event-id": String(after) }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    signal,
  }).catch((thrown: unknown) => {
    if (signal.aborted) return undefined
    throw new Unreachable(origin, thrown)
  })
  if (response === undefined || response.ok) return response
  const text = await response.text()
  throw new ApiError(response.status, parseAnswer(text), text)
}

/** Ends also when the connection is lost: the next one goes on where this one was. */
async function* readEvents(
  response: Response | undefined,
  leave: () => void,
): AsyncGenerator<TransactionEvent[]> {
  const reader = response?.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  for (;;) {
    const silence = setTimeout(leave, SILENCE_MS)
    const chunk = await reader?.read().catch(() => undefined)
    clearTimeout(silence)
    if (chunk?.value === undefined) return
    const blocks = (text + chunk.value).split("\n\n")
    text = blocks.pop() ?? ""
    const events = blocks.flatMap(parseEvent)
    if (events.length > 0) yield events
  }
}

function parseEvent(block: string): TransactionEvent[] {
  const line = block.split("\n").find((one) => one.startsWith("data: "))
  // What the API sends is what `shapes.ts` restates.
  return line === undefined ? [] : [JSON.parse(line.slice("data: ".length)) as TransactionEvent]
}
