/**
 * One HTTP request over the guarded pool: no redirect, no retry, the whole reply read within a limit, and the
 * proof of whether anything was sent. undici's `dispatch` is used directly, since only its `onRequestStart`
 * tells the moment before the first byte leaves.
 */
import { TLSSocket } from "node:tls"
import { Agent, buildConnector, type Dispatcher } from "undici"
import { toError } from "../../contract/errors.ts"
import type { OutboundGuard } from "./guard.ts"
import { TLS_FLOOR, type TlsOptions } from "./tls-options.ts"
import { onVerdict } from "./tls-verdict.ts"

/** Of a reply's body, as it came and when unpacked. */
export const MAX_REPLY_BYTES = 5 * 1024 * 1024
const MAX_CONNECT_MS = 10_000
/** Longest silence within a body. */
const MAX_BODY_SILENCE_MS = 30_000

export interface HttpRequest {
  method: string
  /** http or https, without credentials. */
  url: URL
  headers: Record<string, string>
  body?: string | undefined
  budgetMs: number
  signal: AbortSignal
}

export interface HttpReply {
  ended: "reply"
  status: number
  headers: Record<string, string | string[] | undefined>
  /** As it came, still packed. */
  body: Buffer
  /** The body is larger than the limit; `body` holds its head. */
  overflow: boolean
  peer: string | undefined
}

export interface HttpBreak {
  ended: "broken"
  /** Whether a byte of the request may have left. */
  sent: boolean
  error: Error
  /** Where the head of a reply had come. */
  status: number | undefined
  bytesReceived: number
  peer: string | undefined
}

export interface HttpClient {
  request(request: HttpRequest): Promise<HttpReply | HttpBreak>
  /** Takes no more requests, and ends when those on their way have ended. Never rejects. */
  retire(): Promise<void>
  /** Ends also what is on its way. */
  close(): Promise<void>
}

/** @param tls of its own; else every certificate that Node trusts is good, for the host of the URL. */
export function createHttpClient(guard: OutboundGuard, tls?: TlsOptions): HttpClient {
  /** The address last dialled for an origin. */
  const peers = new Map<string, string>()
  const dial = buildConnector({ lookup: guard.lookup, timeout: MAX_CONNECT_MS, ...(tls ?? TLS_FLOOR) })
  const agent = new Agent({
    pipelining: 1,
    connect: (options, callback) => {
      try {
        guard.checkHost(options.hostname)
      } catch (thrown) {
        callback(toError(thrown), null)
        return
      }
      // undici would take the URL's host for the name.
      const named = tls?.servername === undefined ? options : { ...options, servername: tls.servername }
      dial(named, (error, socket) => {
        if (error) return callback(error, null)
        peers.set(originOf(options), `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`)
        if (tls === undefined || !(socket instanceof TLSSocket)) return callback(null, socket)
        return onVerdict(socket, (refusal) =>
          refusal === null ? callback(null, socket) : callback(refusal, null),
        )
      })
    },
  })
  return {
    async request(request) {
      const end = await exchange(agent, request)
      return { ...end, peer: peers.get(request.url.origin) }
    },
    // Rejects only where it was closed before.
    retire: () => agent.close().catch(() => undefined),
    close: () => agent.destroy(),
  }
}

type End = Omit<HttpReply, "peer"> | Omit<HttpBreak, "peer">

function exchange(agent: Agent, request: HttpRequest): Promise<End> {
  return new Promise((resolve) => {
    const onAbort = (): void => stop(toError(request.signal.reason))
    const connectMs = Math.min(MAX_CONNECT_MS, request.budgetMs / 2)
    const connectTimer = setTimeout(() => !isSent() && stop(connectTimeout(request, connectMs)), connectMs)
    const { handler, stop, isSent } = createHandler((end) => {
      clearTimeout(connectTimer)
      request.signal.removeEventListener("abort", onAbort)
      resolve(end)
    })
    request.signal.addEventListener("abort", onAbort, { once: true })
    if (request.signal.aborted) onAbort()
    else agent.dispatch(toDispatch(request), handler)
  })
}

/** Collects a reply; `finish` is called once. */
function createHandler(finish: (end: End) => void) {
  const chunks: Buffer[] = []
  let size = 0
  let head: { status: number; headers: HttpReply["headers"] } | undefined
  let sent = false
  let over = false
  let controller: Dispatcher.DispatchController | undefined
  const end = (result: End): void => {
    if (over) return
    over = true
    finish(result)
  }
  const reply = (overflow: boolean): void =>
    end({ ended: "reply", status: 0, headers: {}, ...head, body: Buffer.concat(chunks), overflow })
  const fail = (error: Error): void =>
    end({ ended: "broken", sent, error, status: head?.status, bytesReceived: size })
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started
      if (over) started.abort(new Error("the request was given up before it was sent"))
      else sent = true
    },
    onResponseStart(_, status, headers) {
      // 1xx heads come before the one that counts.
      if (status >= 200) head = { status, headers }
    },
    onResponseData(_, chunk) {
      size += chunk.length
      if (size <= MAX_REPLY_BYTES) return void chunks.push(chunk)
      reply(true)
      return controller?.abort(new Error(`the reply is larger than ${MAX_REPLY_BYTES} bytes`))
    },
    onResponseEnd: () => reply(false),
    onResponseError: (_, error) => fail(error),
  }
  const stop = (error: Error): void => {
    // undici takes hold of a request only once it has a connection: until then it is merely left behind.
    fail(error)
    controller?.abort(error)
  }
  return { handler, stop, isSent: () => sent }
}

function toDispatch({ method, url, headers, body }: HttpRequest): Dispatcher.DispatchOptions {
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    headers,
    body: body ?? null,
    // The attempt's own end is the limit; undici's timer would only race it.
    headersTimeout: 0,
    bodyTimeout: MAX_BODY_SILENCE_MS,
  }
}

function connectTimeout({ url }: HttpRequest, limit: number): Error {
  return Object.assign(new Error(`no connection to ${url.host} within ${limit} ms`), {
    code: "UND_ERR_CONNECT_TIMEOUT",
  })
}

function originOf({ protocol, host }: buildConnector.Options): string {
  return new URL(`${protocol}//${host ?? ""}`).origin
}
