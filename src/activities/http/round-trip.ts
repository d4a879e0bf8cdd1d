/** One HTTP exchange as a verdict; HTTP tasks and RPC over HTTP share it. */
import { createHash } from "node:crypto"
import type { Profile } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { parseExactJson } from "../../expression/exact-json.ts"
import type { CallRequest, Evidence, Verdict } from "../call.ts"
import type { HttpBreak, HttpClient, HttpReply } from "../outbound/http-client.ts"
import { headerOf, isJson, readBody, type ReplyBody } from "../outbound/reply-body.ts"
import { classifyTransport } from "../outbound/transport-error.ts"
import { isSecretName, REDACTED } from "../../contract/secret-names.ts"
import { classifyStatus } from "./classify.ts"
import { parseRetryAfter } from "./retry-after.ts"

export interface HttpCall {
  method: string
  url: URL
  headers: Record<string, string>
  body?: string | undefined
}

export interface HttpReading {
  profile: Profile
  success: readonly (number | string)[]
  reject: readonly (number | string)[]
  /** `declared`: JSON where the content type says so. `lenient`: JSON wherever the text is some. */
  json: "declared" | "lenient"
}

/** A target that keeps replies by key gives back an error that it kept, for ever. */
const MAX_REPLAYS = 3
/** The draft has the target answer 409 while it works; it names no time. */
const ONGOING_RETRY_MS = { least: 1_000, most: 5_000 }

/**
 * `done` carries the body: parsed JSON, else text, null when it is empty; numbers that a double does not hold are the
 * text that came. A success whose body cannot be read is
 * `unknown` (the result is lost, the same key replays it), one whose body is over the limit `misconfigured`.
 */
export async function callHttp(client: HttpClient, call: HttpCall, context: Context): Promise<Verdict> {
  return (await exchange(client, call, context)).verdict
}

interface Context {
  request: CallRequest
  reading: HttpReading
}

export interface Exchange {
  verdict: Verdict
  /** Absent where none came whole. */
  reply?: Pick<HttpReply, "status" | "headers"> & { value: unknown }
}

export async function exchange(client: HttpClient, call: HttpCall, context: Context): Promise<Exchange> {
  const { budgetMs, signal } = context.request
  const end = await client.request({ ...call, budgetMs, signal })
  if (end.ended === "broken") return { verdict: toBroken(end, call) }
  const body = await readBody(end)
  const parsed = body.state === "read" ? parse(body.text, end, context.reading.json) : undefined
  const { status, headers } = end
  return {
    verdict: toVerdict({ reply: end, body, parsed }, call, context),
    reply: { status, headers, value: parsed?.value ?? null },
  }
}

function toBroken(end: HttpBreak, call: HttpCall): Verdict {
  const finding = classifyTransport(end.error, end.sent)
  const place = end.status === undefined ? "" : ` after the head of a ${end.status} reply`
  return {
    ...finding,
    message: `${call.method} ${call.url.host}: ${end.error.message}${place}`,
    evidence: {
      ...requestEvidence(call),
      response: end.status === undefined ? null : { status: end.status, cut: true },
      peer: end.peer,
      bytesReceived: end.bytesReceived,
    },
  }
}

interface ReadReply {
  reply: HttpReply
  body: ReplyBody
  parsed: Parsed | undefined
}

function toVerdict(
  { reply, body, parsed }: ReadReply,
  call: HttpCall,
  { request, reading }: Context,
): Verdict {
  const evidence = replyEvidence(reply, call, parsed)
  const finding = classifyStatus({
    ...reading,
    status: reply.status,
    attempt: request.identity.attempt,
    before: request.before,
    problem: toProblem(reply, parsed),
  })
  const isKept = reading.profile === "ietf-idempotency" && reply.status === 500
  if (isKept && finding.class === "unknown" && countReplays(request, reply.body) >= MAX_REPLAYS) {
    const message = `${call.method} ${call.url.host} answered the same 500 ${MAX_REPLAYS} times under one key: it keeps that answer, and no repeat gets another. Find out what the first call did`
    return { class: "misconfigured", code: "replayed_error", message, left: "unknown", evidence }
  }
  if (finding.class !== "done") {
    const asked = parseRetryAfter(headerOf(reply, "retry-after"), Date.now())
    const retryAfterMs = asked ?? (finding.class === "ongoing" ? randomBetween(ONGOING_RETRY_MS) : undefined)
    return {
      ...finding,
      message: `${call.method} ${call.url.host} answered ${reply.status}`,
      retryAfterMs,
      deniesCredentials: reply.status === 401,
      evidence,
    }
  }
  if (body.state === "too_large") {
    const message = `the reply of ${call.url.host} is larger than 5 MB; it was a success (${reply.status})`
    return { class: "misconfigured", code: "response_too_large", message, left: "executed", evidence }
  }
  if (body.state === "unreadable" || parsed?.error) {
    const reason =
      body.state === "unreadable" ? body.reason : `its JSON is broken: ${parsed?.error?.message ?? ""}`
    const message = `a success (${reply.status}) whose result is lost: ${reason}`
    return { class: "unknown", code: "response_unreadable", message, evidence }
  }
  return { class: "done", output: parsed?.value ?? null, evidence }
}

/** How many times in a row, with this one, this body came back. */
function countReplays({ memo, remember }: CallRequest, body: Buffer): number {
  const digest = createHash("sha256").update(body).digest("base64url")
  const times = memo?.replayed?.digest === digest ? memo.replayed.times + 1 : 1
  remember({ ...memo, replayed: { digest, times } })
  return times
}

interface Parsed {
  value: unknown
  error?: Error
}

function parse(text: string, reply: HttpReply, json: HttpReading["json"]): Parsed {
  if (text.trim() === "") return { value: null }
  const declared = isJson(reply)
  if (!declared && json === "declared") return { value: text }
  try {
    return { value: parseExactJson(text) }
  } catch (thrown) {
    return declared ? { value: text, error: toError(thrown) } : { value: text }
  }
}

function toProblem(reply: HttpReply, parsed: Parsed | undefined): object | undefined {
  if (!/^application\/problem\+json/i.test(headerOf(reply, "content-type"))) return undefined
  return typeof parsed?.value === "object" && parsed.value !== null ? parsed.value : undefined
}

function randomBetween({ least, most }: { least: number; most: number }): number {
  return Math.round(least + Math.random() * (most - least))
}

function replyEvidence(reply: HttpReply, call: HttpCall, parsed: Parsed | undefined): Evidence {
  return {
    ...requestEvidence(call),
    response: { status: reply.status, headers: reply.headers, body: parsed?.value ?? null },
    peer: reply.peer,
    bytesReceived: reply.body.length,
  }
}

function requestEvidence({ method, url, headers, body }: HttpCall): Evidence {
  const shown = new URL(url)
  for (const name of url.searchParams.keys()) if (isSecretName(name)) shown.searchParams.set(name, REDACTED)
  return {
    request: { method, url: shown.href, headers, body: body ?? null },
    bytesSent: body === undefined ? 0 : Buffer.byteLength(body),
  }
}
