/** Kind `http`: one request. */
import { z } from "zod"
import { pointerTo } from "../problem.ts"
import { type Fields, type Place, readObject } from "../read-object.ts"
import { literalHead, parseAddress } from "../url-head.ts"
import {
  compileText,
  connectionName,
  constantText,
  duration,
  headers,
  scalar,
  wholeExpression,
} from "./fields.ts"
import type { KindReading, PollReading, ReadConfig } from "./kind.ts"

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const

const statuses = z.array(
  z.union([z.int().min(100).max(599), z.string().regex(/^[1-5]xx$/)], {
    error: 'expected a status such as 404, or a class of them such as "2xx"',
  }),
)

const method = constantText("the method").transform((text, context): (typeof METHODS)[number] => {
  const known = METHODS.find((method) => method === text.toUpperCase())
  if (known !== undefined) return known
  context.issues.push({ code: "custom", message: `expected one of ${METHODS.join(", ")}`, input: text })
  return z.NEVER
})

/** How a target that answers 202 is asked whether it is done. */
const PollConfig = z.strictObject({
  /** A path, or one expression that the target's answer gives an address to. Without it the `Location` header. */
  url: z.string().min(1).optional(),
  interval: duration(1).optional(),
  timeout: duration(1).optional(),
  /** Without it a target is done when it does not answer 202 any more. */
  done_when: wholeExpression.optional(),
  fail_when: wholeExpression.optional(),
})

const DEFAULT_POLL_MS = 2_000
/** A target that works is not asked more often. */
const LEAST_POLL_MS = 100

const HttpConfig = z.strictObject({
  /** A path under the connection's address, or without a connection a whole URL. Expressions only after the host. */
  url: z.string().min(1),
  method: method.optional(),
  headers: headers.optional(),
  query: z.record(z.string(), z.union([scalar, z.array(scalar)])).optional(),
  /** Sent as JSON; text goes as it is. Without it `input.body` is sent. */
  body: z.unknown().optional(),
  success: statuses.min(1).optional(),
  reject: statuses.optional(),
  fail_when: wholeExpression.optional(),
  connection: connectionName.optional(),
  poll: PollConfig.optional(),
})

/**
 * Scheme and host are constants, so that what a transaction brings can never choose the machine that is called;
 * with a connection the url is a path, so that the connection's credentials go to its own host only.
 */
export const readHttpConfig: ReadConfig = (raw, place) => {
  const fields = readObject(HttpConfig, raw, place)
  const method = fields.method ?? "POST"
  const bodiless = method === "GET" || method === "HEAD"
  const { fail_when: _failWhen, poll: _poll, ...rest } = raw
  const reading: KindReading = {
    config: { ...rest, method, success: fields.success ?? ["2xx"], reject: fields.reject ?? [] },
    target: fields.url === undefined ? { by: "unknown" } : targetOf(fields.url, fields.connection, place),
    sendsInput: !bodiless && !Object.hasOwn(raw, "body"),
  }
  if (bodiless) reading.certainEffect = "read"
  if (fields.fail_when !== undefined) reading.failWhen = fields.fail_when
  if (fields.poll !== undefined)
    reading.poll = readPoll(fields.poll, { ...place, pointer: pointerTo(place.pointer, "poll") })
  if (bodiless && Object.hasOwn(raw, "body")) {
    place.report({
      pointer: pointerTo(place.pointer, "body"),
      code: "body_not_sent",
      message: `a ${method} request has no body`,
      fix: "use query, or another method",
    })
  }
  return reading
}

function readPoll(fields: Fields<typeof PollConfig>, place: Place): PollReading {
  const { url, interval = DEFAULT_POLL_MS, timeout, done_when, fail_when } = fields
  if (interval < LEAST_POLL_MS) {
    place.report({
      pointer: pointerTo(place.pointer, "interval"),
      code: "out_of_range",
      message: `a target is asked every ${LEAST_POLL_MS} ms at most, and this is ${interval} ms`,
    })
  }
  const compiled = url === undefined ? undefined : compileText(url)
  const isReference = Array.isArray(compiled) && compiled[0] === "$"
  if (
    compiled !== undefined &&
    !isReference &&
    !/^\/(?![/\\])[^\s\\#\p{Cc}]*$/u.test(literalHead(compiled).text)
  ) {
    place.report({
      pointer: pointerTo(place.pointer, "url"),
      code: "url_not_a_path",
      message:
        "a target is asked where it was called: poll.url is a path, starting with one / and without spaces, or one expression such as ${ output.status_url }",
      fix: "write only the path, or leave url out where the target answers a Location",
    })
  }
  return {
    interval_ms: interval,
    ...(url === undefined ? {} : { url, url_is: isReference ? "reference" : "path" }),
    ...(timeout === undefined ? {} : { timeout_ms: timeout }),
    ...(done_when === undefined ? {} : { done_when }),
    ...(fail_when === undefined ? {} : { fail_when }),
  }
}

function targetOf(url: string, connection: string | undefined, place: Place): KindReading["target"] {
  const compiled = compileText(url)
  if (compiled === undefined) return { by: "unknown" }
  const head = literalHead(compiled)
  const refuse = (code: string, message: string, fix: string): KindReading["target"] => {
    place.report({ pointer: pointerTo(place.pointer, "url"), code, message, fix })
    return { by: "unknown" }
  }
  if (/[\s\\#]|\p{Cc}/u.test(head.text)) {
    return refuse(
      "url_invalid",
      "a url holds no space, #, backslash or control character",
      "percent-encode it",
    )
  }
  if (/^\/(?!\/)/.test(head.text)) {
    return { by: "connection", ...(connection === undefined ? {} : { name: connection }) }
  }
  if (connection !== undefined) {
    return refuse(
      "url_not_a_path",
      `with a connection the url is a path on its host, starting with one /`,
      `write only the path, or leave out connection ${JSON.stringify(connection)}`,
    )
  }
  const address = parseAddress(head)
  return address.ok ? { by: "address" } : refuse(address.code, address.message, address.fix)
}
