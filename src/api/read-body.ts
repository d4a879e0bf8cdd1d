/** Reads a JSON body: its type, its size counted while it comes in, its encoding, its shape. */
import type { MiddlewareHandler } from "hono"
import type { ApiEnv } from "./dependencies.ts"
import { parseJson } from "./parse-json.ts"
import { ApiProblem } from "./problem.ts"

export const MAX_BODY_BYTES = 1024 * 1024

/**
 * Leaves the text where the contract's validator finds it, and the parsed value in `body`. With `optional`, no
 * body at all is the empty object.
 */
export function readBody(policy: "required" | "optional"): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const encoding = c.req.header("content-encoding") ?? "identity"
    if (encoding.toLowerCase() !== "identity") {
      throw new ApiProblem("unsupported_media_type", {
        detail: "Compressed bodies are not accepted: send it as it is.",
      })
    }
    const contentType = c.req.header("content-type")
    const text = decode(await readBytes(c.req.raw))
    if (text !== "") assertJsonType(contentType)
    else if (policy === "required") {
      throw new ApiProblem("request_invalid", { detail: "The body is empty: send a JSON object." })
    }
    c.set("body", text === "" ? {} : parseJson(text))
    // The contract's validator parses this text again; without a type it takes an empty one for no body.
    // Hono keeps a promise here and declares what it resolves to.
    c.req.bodyCache.text = Promise.resolve(text === "" && contentType !== undefined ? "{}" : text) as never
    await next()
  }
}

/** Exactly one type: a second parser behind the same route is how requests get read in two ways. */
function assertJsonType(contentType: string | undefined): void {
  if (contentType !== undefined && /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType))
    return
  const came = contentType === undefined ? "no Content-Type came" : `${contentType.slice(0, 100)} came`
  throw new ApiProblem("unsupported_media_type", {
    detail: `Send the body as JSON with the header Content-Type: application/json; ${came}.`,
  })
}

/** A body whose length is announced is read at once: Node takes no byte more than that, and refuses two lengths. */
async function readBytes(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get("content-length")
  if (announced !== null && Number(announced) > MAX_BODY_BYTES) throw tooLarge()
  try {
    return announced === null ? await readChunks(request) : new Uint8Array(await request.arrayBuffer())
  } catch (cause) {
    if (cause instanceof ApiProblem) throw cause
    throw new ApiProblem("malformed_json", { detail: "The body ended before it was complete.", cause })
  }
}

async function readChunks({ body }: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    // Leaving the loop cancels the rest.
    if (size > MAX_BODY_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ApiProblem("malformed_json", { detail: "The body is not UTF-8.", cause })
  }
}

function tooLarge(): ApiProblem {
  return new ApiProblem("body_too_large", { detail: `A body has at most ${MAX_BODY_BYTES} bytes.` })
}
