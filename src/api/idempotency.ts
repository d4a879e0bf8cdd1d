/**
 * `Idempotency-Key`: the first request with a key is carried out, and its answer is what the same request gets
 * from then on. Refusals changed nothing and are not kept: the same request may be tried again later.
 */
import { createHash } from "node:crypto"
import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { toError } from "../contract/errors.ts"
import { canonicalJson } from "../flow/plan-bytes.ts"
import { claimIdempotencyKey } from "../store/queries/claim-idempotency-key.ts"
import { findIdempotentAnswer, type IdempotentAnswerRow } from "../store/queries/find-idempotent-answer.ts"
import { releaseIdempotencyKey } from "../store/queries/release-idempotency-key.ts"
import { storeIdempotentAnswer } from "../store/queries/store-idempotent-answer.ts"
import type { ApiEnv, ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import type { StoredAnswer } from "./route.ts"

/** Marks an answer that was given before. */
export const REPLAYED = { "idempotency-replayed": "true" }
const KEPT_HEADERS = ["location", "etag"]

/** Added to the contract of every route that keeps its answers. */
export const idempotencyHeaders = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, "must have 1 to 200 visible ASCII characters")
    .optional()
    .openapi({ description: "The same key and request get the same answer, and are carried out once." }),
})

interface Work {
  store: StoredAnswer
  run: () => Promise<Response>
}

export async function answerOnce(
  services: ApiServices,
  c: Context<ApiEnv>,
  { store, run }: Work,
): Promise<Response> {
  const key = c.req.header("idempotency-key")
  if (key === undefined) return run()
  const { tenant } = c.get("identity")
  const requestHash = hashRequest(c)
  const claimedAt = await claimIdempotencyKey(services.pool, { tenant, key, requestHash })
  if (claimedAt === undefined)
    return replay(c, await findIdempotentAnswer(services.pool, { tenant, key }), requestHash)
  const claim = { tenant, key, claimedAt }
  try {
    const response = await run()
    await keepAnswer(services, { ...claim, response, store })
    return response
  } catch (error) {
    await settle(services, () => releaseIdempotencyKey(services.pool, claim))
    throw error
  }
}

interface Answered {
  tenant: string
  key: string
  claimedAt: string
  response: Response
  store: StoredAnswer
}

async function keepAnswer(services: ApiServices, { response, store, ...claim }: Answered): Promise<void> {
  const whole: unknown = await response.clone().json()
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = response.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  await settle(services, () =>
    storeIdempotentAnswer(services.pool, {
      ...claim,
      status: response.status,
      body: store === "whole" ? whole : store(whole),
      headers: Object.fromEntries(headers),
    }),
  )
}

/** What was asked for is done: failing to note it must not turn the answer into an error. */
async function settle({ logger }: ApiServices, note: () => Promise<void>): Promise<void> {
  try {
    await note()
  } catch (error) {
    logger.warn({ error: toError(error).message }, "could not note the answer under its Idempotency-Key")
  }
}

function replay(c: Context<ApiEnv>, answer: IdempotentAnswerRow | undefined, requestHash: string): Response {
  if (answer !== undefined && answer.request_hash !== requestHash)
    throw new ApiProblem("idempotency_key_reused")
  if (answer === undefined || answer.status === null) {
    throw new ApiProblem("idempotency_key_in_use", { headers: { "retry-after": "1" } })
  }
  // A creation that is repeated creates nothing: 200. Only successful answers are stored.
  const status = (answer.status === 201 ? 200 : answer.status) as ContentfulStatusCode
  return c.json(answer.body, status, { ...answer.headers, ...REPLAYED })
}

function hashRequest(c: Context<ApiEnv>): string {
  // How long somebody waits for the end is no part of what is asked for.
  const { wait: _patience, ...query } = c.req.queries()
  const request = { method: c.req.method, path: c.req.path, query, body: c.get("body") }
  return createHash("sha256").update(canonicalJson(request)).digest("hex")
}
