/** Where a target that took a call is asked how far it is: where it was called, and nowhere else. */
import type { PlanPoll } from "../../contract/plan.ts"
import type { Template } from "../../contract/tree.ts"
import { toError } from "../../contract/errors.ts"
import { createMeter } from "../../expression/meter.ts"
import { render } from "../../expression/render.ts"
import { Misconfigured } from "../call.ts"
import { headerOf } from "../outbound/reply-body.ts"
import type { Exchange } from "./round-trip.ts"
import { resolveUrl } from "./url.ts"

/** It travels in heartbeats. */
const MAX_LENGTH = 4_096

export interface Accepted {
  reply: NonNullable<Exchange["reply"]>
  /** Of the call. */
  url: URL
  /** Of the connection; of the call where it has none. */
  base: string
  input: unknown
}

/** Throws `Misconfigured`: `poll_url_missing`, `poll_url_invalid`, `poll_address_blocked`, `url_invalid`, `expression_error`. */
export function findPollUrl(poll: Pick<PlanPoll, "url" | "url_is">, accepted: Accepted): URL {
  const { reply, url, base } = accepted
  if (poll.url === undefined) {
    const location = headerOf(reply, "location")
    if (location === "")
      throw new Misconfigured(
        "poll_url_missing",
        "the target answered 202 without a Location: write poll.url, such as /jobs/${ output.id }",
      )
    return resolveReference(location, url)
  }
  const text = evaluate(poll.url, accepted)
  return poll.url_is === "path" ? resolveUrl(text, undefined, base) : resolveReference(text, url)
}

/**
 * What a target calls an address of its own, whole or relative to the one that was called. The connection's
 * credentials go along, so it must be the same scheme, host and port. Throws `Misconfigured`.
 */
export function resolveReference(reference: string, from: URL): URL {
  if (reference === "" || reference.length > MAX_LENGTH || !URL.canParse(reference, from.href))
    throw new Misconfigured(
      "poll_url_invalid",
      `the target gave an address to ask at that is none, or longer than ${MAX_LENGTH} characters`,
    )
  const url = new URL(reference, from)
  url.hash = ""
  if (url.username !== "" || url.password !== "")
    throw blocked("an address with a user and a password in it: the connection's credentials are sent")
  if (`${url.protocol}//${url.host}` !== from.origin)
    throw blocked(
      `${headOf(reference)}, but it was called at ${from.origin}: only the same scheme, host and port are asked`,
    )
  return url
}

/** As it was written: what a URL makes of it is in lower case, where a secret would not be found to be masked. */
function headOf(reference: string): string {
  return /^[^\\/?#]*[\\/]*[^\\/?#]*/.exec(reference)?.[0] ?? ""
}

function blocked(where: string): Misconfigured {
  return new Misconfigured("poll_address_blocked", `the target wants to be asked at ${where}`)
}

function evaluate(template: Template, { reply, input }: Accepted): string {
  let value: unknown
  try {
    value = render(template, { output: reply.value, status: reply.status, input }, createMeter())
  } catch (thrown) {
    const cause = toError(thrown)
    throw new Misconfigured("expression_error", `poll.url: ${cause.message}`, { cause })
  }
  if (typeof value === "string" && value !== "") return value
  throw new Misconfigured("poll_url_invalid", `poll.url is ${JSON.stringify(value)}: expected text`)
}
