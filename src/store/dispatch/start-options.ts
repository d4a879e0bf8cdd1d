import type { WorkflowStartOptions } from "@temporalio/client"
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from "@temporalio/common"
import { CURRENT_FLAGS } from "../../contract/flags.ts"
import {
  DEFAULT_THRESHOLDS,
  SEARCH_ATTRIBUTE_BUSINESS_KEY,
  SEARCH_ATTRIBUTE_TENANT,
  type StartInput,
  TASK_QUEUE,
} from "../../contract/messages.ts"
import { UNKNOWN_REQUEST } from "../queries/adopt-transaction.ts"
import type { TransactionStart } from "../queries/find-start.ts"
import type { TravellingPlan } from "./plan-cache.ts"

const TENANT = defineSearchAttributeKey(SEARCH_ATTRIBUTE_TENANT, SearchAttributeType.KEYWORD)
const BUSINESS_KEY = defineSearchAttributeKey(SEARCH_ATTRIBUTE_BUSINESS_KEY, SearchAttributeType.KEYWORD)
/** Temporal's Postgres columns hold no more; the memo has the whole key. */
const MAX_KEYWORD_LENGTH = 255
/** Temporal says of a summary that it should not be longer than 400 bytes, which are JSON's and what travels with it. */
const MAX_SUMMARY_BYTES = 300

/** Arguments of a transaction's first run. */
export function toStartArguments(start: TransactionStart, travelling: TravellingPlan): unknown[] {
  const input: StartInput = {
    plan_hash: start.plan_hash,
    ...("plan" in travelling ? { plan: travelling.plan } : {}),
    params: start.params,
    tenant: start.tenant,
    transaction: start.instance_id,
    flags: [...CURRENT_FLAGS],
    thresholds: DEFAULT_THRESHOLDS,
  }
  return "packed" in travelling ? [input, travelling.packed] : [input]
}

/** What every run of a transaction is started with, besides its arguments and the policy on its id. */
export function toStartOptions(
  start: TransactionStart,
  { searchAttributes }: { searchAttributes: boolean },
): Pick<
  WorkflowStartOptions,
  "workflowId" | "taskQueue" | "memo" | "staticSummary" | "typedSearchAttributes"
> {
  return {
    workflowId: start.workflow_id,
    taskQueue: TASK_QUEUE,
    memo: toMemo(start),
    staticSummary: toSummary(start),
    ...(searchAttributes ? { typedSearchAttributes: toSearchAttributes(start) } : {}),
  }
}

function toSummary({ flow_version, business_key }: TransactionStart): string {
  const whole = [`version ${flow_version}`, business_key ?? []].flat().join(", ")
  // One line of a console; and JSON writes each as six bytes.
  const characters = Array.from(whole.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, " "))
  let bytes = Buffer.byteLength('""')
  const end = characters.findIndex((character) => {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2
    return bytes > MAX_SUMMARY_BYTES
  })
  return (end === -1 ? characters : characters.slice(0, end)).join("")
}

/** Enough to make a lost row again, and to tell a repeat of the request from another one. */
function toMemo(start: TransactionStart) {
  const { tenant, instance_id, flow_id, flow_version, plan_hash, business_key, request_hash } = start
  return {
    tenant,
    transaction: instance_id,
    flow_id,
    version: flow_version,
    plan_hash,
    business_key,
    ...(request_hash === UNKNOWN_REQUEST ? {} : { request_hash }),
  }
}

function toSearchAttributes({ tenant, business_key }: TransactionStart): TypedSearchAttributes {
  const isIndexed = business_key !== null && business_key.length <= MAX_KEYWORD_LENGTH
  return new TypedSearchAttributes([
    { key: TENANT, value: tenant },
    ...(isIndexed ? [{ key: BUSINESS_KEY, value: business_key }] : []),
  ])
}
