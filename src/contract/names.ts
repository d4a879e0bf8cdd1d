/**
 * Ids that Temporal and a person share: workflow id `<tenant>/<instance_id>`, activity id
 * `<path>[@generation][:operation]`. Ids over 200 bytes become a prefix and a hash, because Temporal's
 * Postgres columns hold 255.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"

export const MAX_ID_BYTES = 200
/** The header, and gRPC metadata, that carries a call's idempotency key. Lower case. */
export const KEY_HEADER = "idempotency-key"
/** Those that say whose call it is. Values are percent-encoded. */
export const IDENTITY_HEADERS = {
  tenant: "x-holdfast-tenant",
  transaction: "x-holdfast-transaction",
  task: "x-holdfast-task",
  operation: "x-holdfast-operation",
  generation: "x-holdfast-generation",
  fingerprint: "x-holdfast-fingerprint",
} as const
export type Operation = "do" | "undo" | "probe"

export interface ActivityName {
  path: string
  generation: number
  operation: Operation
}

export function toWorkflowId(tenant: string, transaction: string): string {
  return shorten(`${tenant}/${transaction}`)
}

/** `undefined` when the id is none of ours. A shortened id yields its prefix and hash: then the call input says the transaction. */
export function parseWorkflowId(workflowId: string): { tenant: string; transaction: string } | undefined {
  const slash = workflowId.indexOf("/")
  if (slash <= 0 || slash === workflowId.length - 1) return undefined
  return { tenant: workflowId.slice(0, slash), transaction: workflowId.slice(slash + 1) }
}

export function toActivityId(name: ActivityName): string {
  return shorten(toActivityName(name))
}

/** The id before it is shortened. */
export function toActivityName(name: ActivityName): string {
  return name.path + suffixOf(name)
}

export function parseActivityId(activityId: string): ActivityName {
  const match = /^(.*?)(?:@(\d+))?(?::(undo|probe))?$/s.exec(activityId)
  return {
    path: match?.[1] ?? activityId,
    generation: Number(match?.[2] ?? 1),
    operation: (match?.[3] as Operation | undefined) ?? "do",
  }
}

/** True for every shortened id (and for a whole one that looks like it, which does no harm). */
export function isShortened(id: string): boolean {
  return /~[0-9a-f]{32}$/.test(id)
}

function suffixOf({ generation, operation }: ActivityName): string {
  return (generation > 1 ? `@${generation}` : "") + (operation === "do" ? "" : `:${operation}`)
}

function shorten(id: string): string {
  const bytes = utf8ToBytes(id)
  if (bytes.length <= MAX_ID_BYTES) return id
  const hash = bytesToHex(sha256(bytes)).slice(0, 32)
  let prefix = ""
  let size = 0
  for (const character of id) {
    size += utf8ToBytes(character).length
    if (size > MAX_ID_BYTES - hash.length - 1) break
    prefix += character
  }
  return `${prefix}~${hash}`
}
