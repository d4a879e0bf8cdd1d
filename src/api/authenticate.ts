/** Who is calling, from the `Authorization` header alone. */
import { timingSafeEqual } from "node:crypto"
import type { Pool } from "pg"
import { toError } from "../contract/errors.ts"
import { DEFAULT_TENANT } from "../contract/messages.ts"
import { parseApiKeyToken } from "../store/api-key-token.ts"
import { type ApiKeyRow, findApiKey } from "../store/queries/find-api-key.ts"
import { touchApiKey } from "../store/queries/touch-api-key.ts"
import type { Logger } from "../store/logger.ts"
import type { ApiDependencies, Identity } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import { isRole, SCOPES_OF_ROLE } from "./roles.ts"
import { isScope, type Scope, SCOPES } from "./scopes.ts"

/** @throws {ApiProblem} `unauthenticated`, or `forbidden` when the key lacks the scope. */
export type Authenticate = (
  authorization: string | undefined,
  scope: Scope,
  orScope?: Scope,
) => Promise<Identity>

/** How long a key that was found is taken for valid: a revocation reaches every process within it. */
const CACHE_MS = 2_000
const CACHE_SIZE = 1_000
const LOCAL: Identity = { tenant: DEFAULT_TENANT, actor: "local", roles: ["admin"], scopes: new Set(SCOPES) }

export function createAuthenticate({ auth, pool, logger }: ApiDependencies): Authenticate {
  if (auth.mode === "off") return () => Promise.resolve(LOCAL)
  const findKey = createKeyReader(pool, logger)
  return async (authorization, scope, orScope) => {
    if (authorization === undefined || authorization === "")
      throw unauthenticated("Send Authorization: Bearer with an API key.")
    const [, sent] = /^bearer +(\S+)$/i.exec(authorization) ?? []
    if (sent === undefined)
      throw unauthenticated("The Authorization header is not valid: expected Bearer, a space and an API key.")
    const token = parseApiKeyToken(sent)
    if (token === undefined)
      throw unauthenticated(
        "The API key is not valid: it is not whole, or was not made by Holdfast. Expected hf_<id>_<secret>_<checksum>.",
      )
    const key = await findKey(token.id)
    if (key === undefined || !timingSafeEqual(key.secret_hash, token.secretHash)) {
      throw unauthenticated("The API key is not valid: it is unknown, expired or revoked.")
    }
    const scopes = scopesOf(key)
    if (!scopes.has(scope) && (orScope === undefined || !scopes.has(orScope))) {
      throw new ApiProblem("forbidden", {
        detail: `This needs the scope ${scope}${orScope === undefined ? "" : ` or ${orScope}`}, which the API key${key.role === null ? "" : ` of role ${key.role}`} does not have.`,
      })
    }
    const roles = key.role === null ? [] : [key.role]
    return { tenant: key.tenant_id, actor: key.name, roles, scopes }
  }
}

function scopesOf({ role, scopes }: ApiKeyRow): ReadonlySet<Scope> {
  if (role === null) return new Set(scopes.filter(isScope))
  // A role that this build does not know gives nothing.
  return new Set(isRole(role) ? SCOPES_OF_ROLE[role] : [])
}

/** Reads keys by id; those it found it remembers for a moment. */
function createKeyReader(pool: Pool, logger: Logger): (id: string) => Promise<ApiKeyRow | undefined> {
  const cache = new Map<string, { key: ApiKeyRow; readAt: number }>()
  return async (id) => {
    const cached = cache.get(id)
    if (cached !== undefined && Date.now() - cached.readAt < CACHE_MS) return cached.key
    cache.delete(id)
    const key = await findApiKey(pool, id)
    if (key === undefined) return undefined
    const oldest = cache.keys().next().value
    if (cache.size >= CACHE_SIZE && oldest !== undefined) cache.delete(oldest)
    cache.set(id, { key, readAt: Date.now() })
    // Nobody waits for this: a note that fails costs nothing but the note.
    void touchApiKey(pool, id).catch((error: unknown) => {
      logger.warn({ error: toError(error).message }, "could not note the use of an API key")
    })
    return key
  }
}

function unauthenticated(detail: string): ApiProblem {
  return new ApiProblem("unauthenticated", {
    detail,
    headers: { "www-authenticate": 'Bearer realm="holdfast"' },
  })
}
