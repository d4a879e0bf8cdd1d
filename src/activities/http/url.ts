/** Where an HTTP task may go: under its connection's address, or, without one, to a whole URL. */
import { Misconfigured } from "../call.ts"

/** Throws `Misconfigured`: `url_invalid`. */
export function resolveUrl(url: unknown, query: unknown, baseUrl: string | undefined): URL {
  if (typeof url !== "string" || url === "") throw invalid("url is missing")
  if (/[\s\\\p{Cc}]/u.test(url))
    throw invalid("url holds a space, a backslash or a control character: percent-encode it")
  const resolved = baseUrl === undefined ? toAbsolute(url) : underBase(url, baseUrl)
  if (resolved.hash !== "") throw invalid("url holds a #: percent-encode it as %23")
  for (const [name, value] of queryParameters(query)) resolved.searchParams.append(name, value)
  return resolved
}

function toAbsolute(url: string): URL {
  if (!URL.canParse(url))
    throw invalid(`"${url}" is not a URL, and the task names no connection to resolve it with`)
  return assertPlain(new URL(url), "url")
}

function underBase(url: string, baseUrl: string): URL {
  if (!URL.canParse(baseUrl)) throw invalid("the connection's base_url is not a URL")
  const base = assertPlain(new URL(baseUrl), "the connection's base_url")
  if (!/^\/(?!\/)/.test(url))
    throw invalid(`with a connection, url is a path that starts with one "/": "${url}" would leave its host`)
  const prefix = base.pathname.replace(/\/$/, "")
  const resolved = new URL(`${base.origin}${prefix}${url}`)
  if (resolved.origin !== base.origin || !resolved.pathname.startsWith(`${prefix}/`))
    throw invalid("url climbs out of the connection's base_url with ..")
  return resolved
}

function assertPlain(url: URL, what: string): URL {
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw invalid(`${what} has the scheme "${url.protocol}": expected http or https`)
  if (url.username !== "" || url.password !== "")
    throw invalid(`${what} holds credentials: put them into a connection's headers, as a secret`)
  return url
}

function queryParameters(query: unknown): [string, string][] {
  if (query === undefined || query === null) return []
  if (typeof query !== "object" || Array.isArray(query)) throw invalid("query is not an object")
  return Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, toText(name, one)]),
  )
}

function toText(name: string, value: unknown): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return String(value)
  throw invalid(
    `query.${name} is ${value === null ? "null" : typeof value}: expected text, a number, true or false`,
  )
}

function invalid(message: string): Misconfigured {
  return new Misconfigured("url_invalid", message)
}
