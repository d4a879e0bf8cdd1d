/** RPC over HTTP: S1's wire, and JSON-RPC 2.0. Both go through the guarded client and the HTTP status table. */
import type { RpcOverHttpConnection } from "../../contract/connections.ts"
import { isIPv6 } from "node:net"
import { type CallRequest, type Done, Misconfigured, type Verdict } from "../call.ts"
import { mergeHeaders } from "../header-fields.ts"
import { callHttp, type HttpCall, type HttpReading } from "../http/round-trip.ts"
import { resolveUrl } from "../http/url.ts"
import { identityHeaders, keyHeaders } from "../identity-headers.ts"
import type { HttpClient } from "../outbound/http-client.ts"
import { ACCEPTED_ENCODINGS } from "../outbound/reply-body.ts"
import type { SecretStore } from "../secrets.ts"

export interface RpcOverHttpDeps {
  client: HttpClient
  secrets: SecretStore
}

/** Below 400 is a success, as S1 has it; a redirect is not followed, so it is none. */
const HTTP_RPC_SUCCESS = ["2xx", 300, 304, 305, 306]

/**
 * S1's wire: `POST {base}/rpc`, or the connection's `path` with `{method}` filled in, with
 * `{"method": ..., "params": input}` as JSON. Output: the reply's body, parsed where it is JSON.
 */
export async function callHttpRpc(
  deps: RpcOverHttpDeps,
  request: CallRequest,
  connection: RpcOverHttpConnection,
): Promise<Verdict> {
  const method = methodOf(request)
  const path = (connection.path ?? "/rpc").replaceAll("{method}", encodeURIComponent(method))
  const call = buildCall(deps, { request, connection, path, body: { method, params: request.input ?? {} } })
  return callHttp(deps.client, call, { request, reading: readingOf(connection, HTTP_RPC_SUCCESS) })
}

/**
 * JSON-RPC 2.0 over HTTP (`path`, else `/`): id is the idempotency key. Output: `result`. An error object is read
 * by its code: -32700, -32600, -32601 are mistakes, -32602 and the application's own codes refusals; -32603 and
 * the server's -32000 to -32099 leave open what happened.
 */
export async function callJsonRpc(
  deps: RpcOverHttpDeps,
  request: CallRequest,
  connection: RpcOverHttpConnection,
): Promise<Verdict> {
  const path = connection.path ?? "/"
  const { key, input } = request
  const body = {
    jsonrpc: "2.0",
    id: key,
    method: methodOf(request),
    ...(typeof input === "object" && input !== null ? { params: input } : {}),
  }
  const call = buildCall(deps, { request, connection, path, body })
  const verdict = await callHttp(deps.client, call, { request, reading: readingOf(connection, ["2xx"]) })
  return verdict.class === "done" ? readJsonRpc(verdict, key) : verdict
}

/** @param id of the request. */
export function readJsonRpc(done: Done, id: string): Verdict {
  const { evidence } = done
  const reply = typeof done.output === "object" && done.output !== null ? done.output : {}
  if ("error" in reply && reply.error !== null && reply.error !== undefined) {
    const { code, message } = reply.error as { code?: unknown; message?: unknown }
    if (typeof code !== "number") return unreadable(done, "its error has no numeric code")
    return {
      class: classifyJsonRpc(code),
      code: `JSONRPC_${code}`,
      message: `the target answered ${code}: ${typeof message === "string" ? message : "its message is no text"}`,
      evidence,
    }
  }
  if (!("result" in reply)) return unreadable(done, "it is no JSON-RPC reply")
  if (!("id" in reply) || reply.id !== id) return unreadable(done, "it answers another id")
  return { ...done, output: reply.result }
}

function classifyJsonRpc(code: number): "misconfigured" | "refused" | "unknown" {
  if (code === -32_700 || code === -32_600 || code === -32_601) return "misconfigured"
  if (code === -32_603 || (code >= -32_099 && code <= -32_000)) return "unknown"
  return "refused"
}

function unreadable({ evidence }: Done, reason: string): Verdict {
  return {
    class: "unknown",
    code: "response_unreadable",
    message: `a reply whose result is lost: ${reason}`,
    evidence,
  }
}

function buildCall(
  { secrets }: RpcOverHttpDeps,
  parts: { request: CallRequest; connection: RpcOverHttpConnection; path: string; body: object },
): HttpCall {
  const { request, connection, path, body } = parts
  const { host, port, tls } = connection
  const name = isIPv6(host) ? `[${host}]` : host
  const own = {
    accept: "application/json",
    "accept-encoding": ACCEPTED_ENCODINGS,
    "content-type": "application/json",
    ...keyHeaders(request, connection.profile),
  }
  return {
    method: "POST",
    url: resolveUrl(path, undefined, `${tls === true ? "https" : "http"}://${name}:${port}`),
    headers: mergeHeaders(secrets, own, connection.headers, identityHeaders(request)),
    body: JSON.stringify(body),
  }
}

function readingOf(connection: RpcOverHttpConnection, success: (number | string)[]): HttpReading {
  return { profile: connection.profile ?? "plain", success, reject: [], json: "lenient" }
}

function methodOf({ config }: CallRequest): string {
  const { method } = config
  if (typeof method === "string" && method !== "") return method
  throw new Misconfigured(
    "method_invalid",
    `method is ${JSON.stringify(method)}: expected the name of a method`,
  )
}
