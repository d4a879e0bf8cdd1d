/**
 * Decisions behind S1's routes without a body, such as `POST /transactions/{id}/retry`: the reason is the
 * caller's if there is one, else the route's name, so that the record says how it came about.
 */
import { randomUUID } from "node:crypto"
import { z } from "@hono/zod-openapi"
import type { Decision } from "../contract/messages.ts"
import type { Identity } from "./dependencies.ts"
import { MAX_REASON_CHARACTERS, sentence } from "./texts.ts"

export const ReasonBody = z
  .looseObject({ reason: sentence(MAX_REASON_CHARACTERS).optional() })
  .openapi("Reason")

interface RoutedDecision {
  action: Decision["action"]
  identity: Identity
  /** `Idempotency-Key`. */
  key: string | undefined
  reason: string | undefined
  /** `POST /transactions/{id}/retry`. */
  route: string
  task?: string
}

export function toDecision({ action, identity, key, reason, route, task }: RoutedDecision): Decision {
  return {
    id: key ?? randomUUID(),
    action,
    actor: identity.actor,
    roles: identity.roles,
    reason: reason ?? route,
    ...(task === undefined ? {} : { task }),
  }
}
