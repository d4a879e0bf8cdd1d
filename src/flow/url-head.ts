/** What can be told of a URL at publish: the text before its first expression. */
import type { Template } from "../contract/tree.ts"

export interface LiteralHead {
  text: string
  /** No expression follows. */
  whole: boolean
}

export type Address = { ok: true; host: string } | { ok: false; code: string; message: string; fix: string }

/** The constant text that a compiled text starts with. */
export function literalHead(template: Template): LiteralHead {
  if (typeof template === "string") return { text: template, whole: true }
  const first: unknown = Array.isArray(template) && template[0] === "+" ? template[1] : ""
  return { text: typeof first === "string" ? first : "", whole: false }
}

/** The host of an absolute http(s) URL, an IPv6 address without its brackets, if it is constant as a whole. */
export function parseAddress({ text, whole }: LiteralHead): Address {
  const parts = /^https?:\/\/([^/?#]*)([/?#]?)/i.exec(text)
  if (!whole && (parts === null || parts[2] === "")) {
    return {
      ok: false,
      code: "host_not_constant",
      message:
        "scheme and host of a url must be constant: an expression may come only after the / that follows them",
      fix: "write them as constants, or name a connection and write a path",
    }
  }
  if (parts === null) {
    return {
      ok: false,
      code: "url_invalid",
      message: "a url starts with http:// or https://, or with / when it is a path of a connection",
      fix: "write the scheme and the host as constants, or name a connection and write a path",
    }
  }
  const [, authority = ""] = parts
  if (authority.includes("@")) {
    return {
      ok: false,
      code: "url_credentials",
      message: "a url holds no user name and password",
      fix: "put them into a connection",
    }
  }
  const host = hostOf(`http://${authority}`)
  if (host === undefined) {
    return {
      ok: false,
      code: "url_invalid",
      message: `${JSON.stringify(authority)} is not a host`,
      fix: "write a host name or address, and a port from 1 to 65535 if it needs one",
    }
  }
  return { ok: true, host }
}

/** The host of an S1 service that is `host[:port]`, or undefined. */
export function parseServiceHost(service: string): string | undefined {
  if (!/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:[1-9]\d{0,4})?$/.test(service))
    return undefined
  return hostOf(`http://${service}`)
}

/** As WHATWG reads it: `127.1` and `0x7f.1` come out as the address they mean, a name in any script as ASCII. */
function hostOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1")
  return /^[a-z0-9._:-]+$/.test(host) ? host : undefined
}
