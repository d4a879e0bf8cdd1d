/**
 * What can go wrong, as the caller sees it: one word, one status, one title each. The word is API; title and
 * detail are prose. Nothing here carries a stack, SQL or a host.
 */
import { REFUSALS, type Refusal } from "../contract/errors.ts"

const WORDS = {
  malformed_json: [400, "The body is not acceptable JSON."],
  request_invalid: [400, "The request does not have the expected shape."],
  params_invalid: [400, "The params do not fit the flow."],
  unauthenticated: [401, "This needs a valid API key."],
  forbidden: [403, "The API key may not do this."],
  cross_site: [403, "Requests from other web sites are refused."],
  route_not_found: [404, "There is no such route."],
  flow_not_found: [404, "There is no such flow."],
  transaction_not_found: [404, "There is no such transaction."],
  task_not_found: [404, "There is no such task."],
  output_not_found: [404, "The task's output is kept by reference, and what it refers to is not there."],
  exception_not_found: [404, "There is no such exception."],
  bulk_job_not_found: [404, "There is no such bulk job."],
  version_not_found: [404, "The flow has no such version."],
  task_definition_not_found: [404, "There is no such task definition."],
  key_not_found: [404, "There is no such API key."],
  connection_not_found: [404, "There is no such connection."],
  secret_not_found: [404, "There is no such secret."],
  flow_exists: [409, "A flow of this name exists with another plan."],
  task_definition_exists: [409, "A task definition of this name exists."],
  task_definition_built_in: [409, "A built-in task definition cannot be changed."],
  flow_inactive: [409, "The flow is not active."],
  instance_id_conflict: [409, "The instance_id belongs to another request."],
  business_key_taken: [409, "Another transaction of the flow has this business key."],
  connection_exists: [409, "There is a connection of this name."],
  connection_default_taken: [409, "Another connection is the default of this kind of task."],
  given_by_file: [409, "The file that Holdfast was started with gives this: change it there."],
  idempotency_key_in_use: [409, "A request with this Idempotency-Key is still at work."],
  no_approver: [
    409,
    "This waits for a second person, and nobody of the tenant may approve: give somebody a key with the role approver.",
  ],
  approval_needed: [409, "Each decision of this kind waits for a second person: it cannot be taken in bulk."],
  bulk_job_state: [409, "The bulk job is in no state for it."],
  not_redoable: [409, "Only a transaction that ended without success is done again."],
  redone_already: [409, "Another transaction, open or successful, does it again."],
  exception_not_open: [409, "The exception is not open any more."],
  nothing_to_retry: [409, "The transaction has nothing to retry."],
  orchestrator_lost: [
    409,
    "The workflow was terminated or ran into Temporal's own timeout, so nobody knows what its open calls came to: it cannot go on.",
  ],
  precondition_failed: [412, "It has changed since the version you saw."],
  body_too_large: [413, "The body is too large."],
  params_too_large: [413, "The params leave the transaction too little room for its tasks' outputs."],
  unsupported_media_type: [415, "The body must be application/json."],
  flow_invalid: [422, "The flow cannot be published."],
  task_definition_invalid: [422, "The task definition cannot be stored."],
  bulk_job_empty: [422, "Nothing fits the filter."],
  bulk_job_too_large: [422, "More than 10,000 fit the filter: narrow it."],
  name_mismatch: [422, "The request names two different things."],
  address_guarded: [422, "The address is one that calls may not reach."],
  secret_in_clear: [422, "The connection holds a credential in clear."],
  idempotency_key_reused: [422, "This Idempotency-Key was used for another request."],
  internal: [500, "Something went wrong on our side."],
  database_unavailable: [503, "The database cannot be reached."],
  master_key_missing: [503, "No secrets can be stored: this process has no master key."],
  connection_test_unavailable: [503, "No worker runs in this process that could test a connection."],
  temporal_unavailable: [503, "Temporal cannot be reached, or no worker answered in time."],
  run_unreadable: [503, "No worker can read the run: its history may be another release's."],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemWord = keyof typeof WORDS | Refusal

/** One thing that is wrong, and where: a JSON Pointer into the body, or `/query/<name>`, `/path/<name>`, `/header/<name>`. */
export interface ProblemItem {
  pointer: string
  code: string
  detail: string
}

interface ProblemOptions {
  detail?: string
  errors?: ProblemItem[]
  headers?: Record<string, string>
  cause?: unknown
}

/** Thrown anywhere below a route; the app turns it into the answer. */
export class ApiProblem extends Error {
  readonly word: ProblemWord
  readonly status: number
  readonly title: string
  readonly errors: ProblemItem[] | undefined
  readonly headers: Record<string, string>

  constructor(word: ProblemWord, { detail, errors, headers = {}, cause }: ProblemOptions = {}) {
    const [status, title] = isRefusal(word) ? ([statusOf(word), REFUSALS[word]] as const) : WORDS[word]
    super(detail ?? title, cause === undefined ? undefined : { cause })
    this.name = "ApiProblem"
    this.word = word
    this.status = status
    this.title = title
    this.errors = errors
    this.headers = headers
  }
}

/** A refusal is about how the transaction stands, but for these. */
function statusOf(word: Refusal): number {
  if (word === "own_request") return 403
  return word === "unknown_request" ? 404 : 409
}

export function isRefusal(word: string): word is Refusal {
  return Object.hasOwn(REFUSALS, word)
}

/** The envelope of an error: `code, message, data` as S1 has them, and RFC 9457 beside them. */
export function toProblemBody(problem: ApiProblem, requestId: string) {
  return {
    code: problem.status,
    message: problem.message,
    data: null,
    type: `urn:holdfast:problem:${problem.word}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    instance: `urn:holdfast:request:${requestId}`,
    error: problem.word,
    request_id: requestId,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  }
}
