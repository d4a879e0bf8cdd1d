/** From an HTTP task's resolved config to the request that is sent. */
import type { HttpConnection } from "../../contract/connections.ts"
import { type CallRequest, Misconfigured } from "../call.ts"
import { mergeHeaders } from "../header-fields.ts"
import { identityHeaders, keyHeaders } from "../identity-headers.ts"
import { ACCEPTED_ENCODINGS } from "../outbound/reply-body.ts"
import type { SecretStore } from "../secrets.ts"
import type { HttpCall } from "./round-trip.ts"
import { resolveUrl } from "./url.ts"

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

/**
 * Body: `config.body`, else `input.body`, else none; text goes as it is, `undefined` and null are none, an object
 * goes as a form where its content type says so, all else as JSON. GET and HEAD have none. Throws `Misconfigured`.
 */
export function buildHttpCall(
  request: CallRequest,
  connection: HttpConnection | undefined,
  secrets: SecretStore,
): HttpCall {
  const { config } = request
  const method = toMethod(config["method"])
  const url = resolveUrl(config["url"], config["query"], connection?.base_url)
  const headers = buildHeaders(request, connection, secrets)
  const body = method === "GET" || method === "HEAD" ? undefined : bodyOf(request)
  if (body === undefined || body === null) return { method, url, headers }
  if (isForm(headers) && typeof body === "object") return { method, url, headers, body: toForm(body) }
  const text = typeof body === "string" ? body : JSON.stringify(body)
  headers["content-type"] ??=
    typeof body !== "string" || isJsonText(text) ? "application/json" : "text/plain; charset=utf-8"
  return { method, url, headers, body: text }
}

function buildHeaders(
  request: CallRequest,
  connection: HttpConnection | undefined,
  secrets: SecretStore,
): Record<string, string> {
  const { traceparent, ...identity } = identityHeaders(request)
  const own = {
    accept: "application/json, text/*;q=0.9, */*;q=0.8",
    "accept-encoding": ACCEPTED_ENCODINGS,
    ...keyHeaders(request, connection?.profile),
    traceparent,
  }
  // The author may name another key or trace, but nobody may say who the caller is.
  return mergeHeaders(secrets, own, connection?.headers, toRecord(request.config["headers"]), identity)
}

function toMethod(method: unknown): string {
  const wanted = typeof method === "string" ? method.toUpperCase() : method === undefined ? "POST" : ""
  if (METHODS.includes(wanted)) return wanted
  throw new Misconfigured(
    "method_invalid",
    `method is ${JSON.stringify(method)}: expected one of ${METHODS.join(", ")}`,
  )
}

function bodyOf({ config, input }: CallRequest): unknown {
  if ("body" in config) return config["body"]
  return typeof input === "object" && input !== null && "body" in input ? input.body : undefined
}

function toRecord(headers: unknown): Record<string, unknown> | undefined {
  if (headers === undefined || headers === null) return undefined
  // Checked to be an object that is no list; its members are checked one by one.
  if (typeof headers === "object" && !Array.isArray(headers)) return headers as Record<string, unknown>
  throw new Misconfigured("header_invalid", "headers is not an object")
}

function isForm(headers: Record<string, string>): boolean {
  return /^application\/x-www-form-urlencoded\b/i.test(headers["content-type"] ?? "")
}

function toForm(body: object): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(body))
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === "object" || one === undefined)
        throw new Misconfigured("body_invalid", `the form field ${name} is no text, number or boolean`)
      form.append(name, String(one))
    }
  return form.toString()
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
