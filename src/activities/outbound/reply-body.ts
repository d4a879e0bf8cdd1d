/** A reply's body, unpacked within the same limit as it was read, and as the value it stands for. */
import { promisify } from "node:util"
import { brotliDecompress, gunzip, inflate, type ZlibOptions } from "node:zlib"
import { toError } from "../../contract/errors.ts"
import { type HttpReply, MAX_REPLY_BYTES } from "./http-client.ts"

export type ReplyBody =
  | { state: "read"; text: string }
  /** More than the limit, as it came or unpacked. */
  | { state: "too_large" }
  | { state: "unreadable"; reason: string }

type Unpack = (body: Buffer, options: ZlibOptions) => Promise<Buffer>

const UNPACK: Record<string, Unpack> = {
  gzip: promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  "x-gzip": promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Buffer, ZlibOptions, Buffer>(inflate),
  br: promisify<Buffer, ZlibOptions, Buffer>(brotliDecompress),
}

/** What `accept-encoding` asks for. */
export const ACCEPTED_ENCODINGS = "gzip, br"

export async function readBody(reply: HttpReply): Promise<ReplyBody> {
  if (reply.overflow) return { state: "too_large" }
  const encoding = headerOf(reply, "content-encoding").toLowerCase().trim()
  if (encoding === "" || encoding === "identity" || reply.body.length === 0) return decode(reply, reply.body)
  const unpack = Object.hasOwn(UNPACK, encoding) ? UNPACK[encoding] : undefined
  if (!unpack) return { state: "unreadable", reason: `content-encoding "${encoding}" was not asked for` }
  try {
    return decode(reply, await unpack(reply.body, { maxOutputLength: MAX_REPLY_BYTES }))
  } catch (thrown) {
    const error = toError(thrown)
    if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") return { state: "too_large" }
    return { state: "unreadable", reason: `content-encoding "${encoding}": ${error.message}` }
  }
}

export function headerOf(reply: Pick<HttpReply, "headers">, name: string): string {
  const value = reply.headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? ""
}

export function isJson(reply: Pick<HttpReply, "headers">): boolean {
  return /^[^;]*[/+]json\s*(?:;|$)/i.test(headerOf(reply, "content-type"))
}

function decode(reply: HttpReply, bytes: Buffer): ReplyBody {
  const charset = /;\s*charset="?([^\s;"]+)/i.exec(headerOf(reply, "content-type"))?.[1] ?? "utf-8"
  try {
    return { state: "read", text: new TextDecoder(charset).decode(bytes) }
  } catch {
    return { state: "read", text: new TextDecoder().decode(bytes) }
  }
}
