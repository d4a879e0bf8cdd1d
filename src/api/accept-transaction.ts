/**
 * Accepting a transaction (design 4.7): the row first, unique per tenant and `instance_id`, then the workflow.
 * Whatever happens between the two, the sweeper starts it.
 */
import { createHash } from "node:crypto"
import { toError } from "../contract/errors.ts"
import { liveRoomOf, wantedRoomOf } from "../contract/live-room.ts"
import { toWorkflowId } from "../contract/names.ts"
import type { Plan } from "../contract/plan.ts"
import type { TransactionStatus } from "../contract/statuses.ts"
import { BusinessKeyError, renderBusinessKey } from "../flow/business-key.ts"
import { checkInputs } from "../flow/check-inputs.ts"
import { findInputTooLarge, MAX_INPUT_BYTES } from "../flow/input-limit.ts"
import { LabelError, renderLabels } from "../flow/labels.ts"
import { canonicalJson } from "../flow/plan-bytes.ts"
import { type ActiveVersionRow, findActiveVersion } from "../store/queries/find-active-version.ts"
import { UNKNOWN_REQUEST } from "../store/queries/adopt-transaction.ts"
import { findTransaction } from "../store/queries/find-transaction.ts"
import type { Once } from "../store/queries/find-holder.ts"
import { type InsertedOnce, insertOnce } from "../store/queries/insert-once.ts"
import { insertTransaction, type NewTransaction } from "../store/queries/insert-transaction.ts"
import type { ApiServices, Identity } from "./dependencies.ts"
import type { FlowVersion } from "./flow-versions.ts"
import { ApiProblem } from "./problem.ts"
import { hasGivenUp } from "./wait-for-end.ts"

export interface StartRequest {
  identity: Identity
  instance_id: string
  /** Id or name. */
  flow_id: string
  params: Record<string, unknown>
  /** The transaction that this one does again. */
  redo_of?: string
}

export interface Accepted {
  /** False for a repeat of a request that was accepted before. */
  created: boolean
  instance_id: string
  flow_id: string
  status: TransactionStatus
  created_at: string
}

/** More do not help a reader: 2,000 tasks may declare 200 fields each. */
const MAX_PROBLEMS = 100

/** How long an answer waits for Temporal to take the start; after that the transaction stays `pending` for a while. */
const DISPATCH_PATIENCE_MS = 2_000

/**
 * @throws {ApiProblem} `flow_not_found`, `flow_inactive`, `params_invalid`, `params_too_large`,
 * `instance_id_conflict` when the id belongs to another request, `business_key_taken`, or
 * `redone_already`.
 */
export async function acceptTransaction(services: ApiServices, request: StartRequest): Promise<Accepted> {
  const prepared = await prepare(services, request)
  if (!(prepared instanceof ApiProblem)) {
    const { row } = prepared
    const stored = await store(services, prepared)
    if (stored.kind === "inserted") {
      await dispatch(services, row)
      return { created: true, ...row, status: "pending", created_at: stored.created_at }
    }
    if (stored.kind === "duplicate") return answerDuplicate(services, stored, prepared)
  }
  // Taken, or not acceptable now: what was accepted before is answered whatever became of the flow since.
  const { tenant } = request.identity
  const existing = await findTransaction(services.pool, { tenant, instance_id: request.instance_id })
  if (existing === undefined) {
    if (prepared instanceof ApiProblem) throw prepared
    throw new Error("a transaction vanished while it was being accepted")
  }
  const sameFlow = request.flow_id === existing.flow_id || request.flow_id === existing.flow_name
  // A row that was lost and made again from the workflow has what was asked for, and no hash of it.
  const hash =
    existing.request_hash === UNKNOWN_REQUEST
      ? hashRequest(existing.flow_id, existing.params)
      : existing.request_hash
  const isOther = request.redo_of !== undefined && request.redo_of !== existing.redo_of
  if (isOther || !sameFlow || hashRequest(existing.flow_id, request.params) !== hash) {
    throw new ApiProblem("instance_id_conflict", {
      detail: `The instance_id ${JSON.stringify(request.instance_id)} belongs to a transaction with another flow or other params${isOther ? ", or to one that does another again" : ""}.`,
    })
  }
  return { created: false, ...existing }
}

async function store(services: ApiServices, { row, onDuplicate }: Prepared): Promise<InsertedOnce> {
  const once: Once[] = []
  if (onDuplicate !== undefined) once.push("business_key")
  if (row.redo_of !== null) once.push("redo_of")
  if (once.length > 0) return storeOnce(services, row, once)
  const inserted = await insertTransaction(services.pool, row)
  return inserted === undefined ? { kind: "taken" } : { kind: "inserted", ...inserted }
}

/** The other one's end may be a moment old, and bear confirming. */
async function storeOnce(services: ApiServices, row: NewTransaction, once: Once[]): Promise<InsertedOnce> {
  const stored = await insertOnce(services.pool, row, once)
  if (stored.kind !== "duplicate") return stored
  const { tenant } = row
  const isFree = await hasGivenUp(services, { tenant, instance_id: stored.instance_id })
  return isFree ? insertOnce(services.pool, row, once) : stored
}

/** The other one is answered, or named, whatever this request's own id and params are. */
async function answerDuplicate(
  { pool }: ApiServices,
  duplicate: Extract<InsertedOnce, { kind: "duplicate" }>,
  { row, onDuplicate }: Prepared,
): Promise<Accepted> {
  const { instance_id } = duplicate
  const existing = await findTransaction(pool, { tenant: row.tenant, instance_id })
  const other = `the transaction ${JSON.stringify(instance_id)}, which is ${existing?.status ?? "gone"}`
  if (duplicate.in === "redo_of")
    throw new ApiProblem("redone_already", { detail: `It is done again already, as ${other}.` })
  const isReturned = onDuplicate === "return_existing" && row.redo_of === null
  if (isReturned && existing !== undefined) return { created: false, ...existing }
  throw new ApiProblem("business_key_taken", {
    detail: `The business key ${JSON.stringify(row.business_key)} belongs to ${other}.`,
  })
}

interface Prepared {
  row: NewTransaction
  /** Where its flow wants every business key once. */
  onDuplicate: Plan["on_duplicate"]
}

/** The row to be stored, or why there can be none. */
async function prepare(services: ApiServices, request: StartRequest): Promise<Prepared | ApiProblem> {
  const { tenant, actor } = request.identity
  const flow = await findActiveVersion(services.pool, { tenant, flow: request.flow_id })
  if (flow === undefined) return new ApiProblem("flow_not_found")
  if (!flow.is_active) return new ApiProblem("flow_inactive")
  const version = await services.flowVersions.get({ tenant, flow_id: flow.id, version: flow.version })
  const { params } = request
  const invalid = checkParams(version, params) ?? checkSizes(version, params) ?? checkRoom(version, params)
  if (invalid !== undefined) return invalid
  const businessKey = makeBusinessKey(version, request.params)
  if (businessKey instanceof ApiProblem) return businessKey
  const labels = makeLabels(version, request.params)
  if (labels instanceof ApiProblem) return labels
  const row = {
    tenant,
    instance_id: request.instance_id,
    workflow_id: toWorkflowId(tenant, request.instance_id),
    ...toFlowColumns(flow),
    params: request.params,
    request_hash: hashRequest(flow.id, request.params),
    business_key: businessKey,
    labels,
    actor,
    redo_of: request.redo_of ?? null,
  }
  return { row, onDuplicate: businessKey === null ? undefined : version.plan.on_duplicate }
}

function toFlowColumns(flow: ActiveVersionRow) {
  return { flow_id: flow.id, flow_name: flow.name, flow_version: flow.version, plan_hash: flow.plan_hash }
}

function checkParams(version: FlowVersion, params: unknown): ApiProblem | undefined {
  const problems = [...version.validateParams(params), ...checkInputs(version.plan, params)]
  if (problems.length === 0) return undefined
  const errors = problems.slice(0, MAX_PROBLEMS).map(({ pointer, code, message }) => ({
    pointer: `/params${pointer}`,
    code,
    detail: message,
  }))
  return new ApiProblem("params_invalid", {
    detail: `The params do not fit: ${errors.map(({ detail }) => detail).join("; ")}.`.slice(0, 1_000),
    errors,
  })
}

/** Found later, it would park the task when those before it have done their work. */
function checkSizes({ plan }: FlowVersion, params: unknown): ApiProblem | undefined {
  const task = findInputTooLarge(plan, params)
  if (task === undefined) return undefined
  const detail = `These params make the input of task ${task} larger than ${MAX_INPUT_BYTES} bytes: give the task an input of what it needs, or send less.`
  return new ApiProblem("params_invalid", {
    detail,
    errors: [{ pointer: "/params", code: "input_too_large", detail }],
  })
}

/** Found later, it would park a task whose work is done, for an output that has no room. */
function checkRoom({ plan, planBytes }: FlowVersion, params: unknown): ApiProblem | undefined {
  const paramsBytes = Buffer.byteLength(JSON.stringify(params))
  const room = liveRoomOf({ planBytes, paramsBytes })
  const wanted = wantedRoomOf(plan)
  if (room >= wanted) return undefined
  const most = Math.max(0, paramsBytes - (wanted - room))
  return new ApiProblem("params_too_large", {
    detail: `The params are ${paramsBytes} bytes of JSON, and beside the plan's ${planBytes} bytes this flow has room for ${most}, so that the outputs which its tasks read fit as well: send what is large by a URL or a key, or divide the flow.`,
  })
}

function makeBusinessKey({ plan }: FlowVersion, params: unknown): string | null | ApiProblem {
  try {
    const key = renderBusinessKey(plan, params)
    if (key?.includes("\0") !== true) return key
    return businessKeyInvalid("business_key must not contain the character U+0000")
  } catch (error) {
    if (error instanceof BusinessKeyError) return businessKeyInvalid(error.message)
    throw error
  }
}

function makeLabels({ plan }: FlowVersion, params: unknown): Record<string, string> | ApiProblem {
  try {
    const labels = renderLabels(plan, params)
    const broken = Object.entries(labels).find(([, value]) => value.includes("\0"))
    return broken === undefined
      ? labels
      : labelInvalid(`the label ${broken[0]} must not contain the character U+0000`)
  } catch (error) {
    if (error instanceof LabelError) return labelInvalid(error.message)
    throw error
  }
}

function labelInvalid(detail: string): ApiProblem {
  return new ApiProblem("params_invalid", {
    detail,
    errors: [{ pointer: "/params", code: "label_invalid", detail }],
  })
}

function businessKeyInvalid(detail: string): ApiProblem {
  return new ApiProblem("params_invalid", {
    detail,
    errors: [{ pointer: "/params", code: "business_key_invalid", detail }],
  })
}

/** By the flow's id, so that name and id make the same request; without its version, so that a publish between two tries does not. */
function hashRequest(flowId: string, params: unknown): string {
  return createHash("sha256")
    .update(canonicalJson({ flow: flowId, params }))
    .digest("hex")
}

async function dispatch({ dispatcher, logger }: ApiServices, transaction: NewTransaction): Promise<void> {
  const { tenant, instance_id } = transaction
  const started = dispatcher.dispatchNew(transaction).catch((error: unknown) => {
    logger.warn({ tenant, instance_id, error: toError(error).message }, "accepted, but not started yet")
  })
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DISPATCH_PATIENCE_MS)
  })
  await Promise.race([started, patience])
  clearTimeout(timer)
}
