/** A typed client of the HTTP API over `fetch`. */
import { parseAnswer } from "./answer.ts"
import { ApiError, Unreachable } from "./errors.ts"
import { followEvents } from "./follow-events.ts"
import type { BulkCommand, BulkItemState } from "../contract/bulk.ts"
import type {
  ApprovalFilter,
  ListedApproval,
  Assignment,
  AuditEntry,
  AuditFilter,
  BulkItem,
  BulkJob,
  BulkJobRequest,
  BulkJobSummary,
  ConnectionTest,
  ConnectionView,
  Decided,
  DecisionRequest,
  Exception,
  ExceptionComment,
  ExceptionFilter,
  ExceptionGroup,
  Flow,
  KeyView,
  SecretView,
  Snooze,
  StartedTransaction,
  Transaction,
  TransactionEvent,
  TransactionFilter,
  TransactionSummary,
  Verdict,
} from "./shapes.ts"

export interface ClientOptions {
  /** `http://127.0.0.1:8080`, without `/api/v1`. */
  baseUrl: string
  apiKey?: string
  /** For one request, in milliseconds; default 30,000. */
  timeoutMs?: number
}

export interface PublishOptions {
  /** A problem that an administrator takes upon himself, such as `irreversible_before_fallible`. */
  override?: string | undefined
}

export interface StartRequest {
  instance_id: string
  /** Id or name. */
  flow_id: string
  params: Record<string, unknown>
}

/** Of a decision, or of one for many transactions. */
export interface Once {
  /**
   * The same key and request are carried out once. So keep it to send again what got no answer, or a 5xx; without one,
   * look first at what became of the transaction.
   */
  idempotencyKey?: string | undefined
}

export interface HoldfastClient {
  /** Publishes a flow; one that is there with the same plan is answered as it is. */
  publishFlow: (definition: object) => Promise<Flow>
  /**
   * Makes the flow what `source` says: a new one, or the next version of the one of that name. `source` is the JSON
   * text of a definition, or of `{name, definition, ...}`; it is sent as it is, so that no digit of it is lost.
   */
  applyFlow: (name: string, source: string, options?: PublishOptions) => Promise<Flow>
  /** Checks a flow without storing it. */
  validateFlow: (source: string) => Promise<Verdict>
  /** Repeating the same request is safe: the transaction that is there is answered. */
  startTransaction: (request: StartRequest) => Promise<StartedTransaction>
  getTransaction: (instanceId: string) => Promise<Transaction>
  /**
   * What happens to a transaction, from its beginning, as it comes: events that arrive together are one item. Ends
   * with the transaction, and with `signal`; a connection that is lost is made again.
   */
  followTransaction: (instanceId: string, signal?: AbortSignal) => AsyncIterable<TransactionEvent[]>
  /** Newest first. */
  listTransactions: (filter: TransactionFilter) => Promise<TransactionSummary[]>
  /** Everything that stopped; a failed transaction goes on from where it failed. */
  retryTransaction: (
    instanceId: string,
    reason?: string,
    once?: Once,
  ) => Promise<{ instance_id: string; status: string }>
  /** Again as a new transaction, where it ended without success. */
  redoTransaction: (
    instanceId: string,
    request: Partial<Omit<StartRequest, "flow_id">>,
  ) => Promise<StartedTransaction & { redo_of: string }>
  /** About the whole transaction. */
  act: (
    instanceId: string,
    action: "cancel" | "pause" | "resume",
    reason?: string,
    once?: Once,
  ) => Promise<{ instance_id: string; status: string }>
  /** A person's decision. Where it takes a second one, `request` says what waits, and nothing was done yet. */
  decide: (instanceId: string, decision: DecisionRequest, once?: Once) => Promise<Decided>
  /** Decisions that wait for a second person, newest first. */
  listApprovals: (filter: ApprovalFilter) => Promise<ListedApproval[]>
  /** Newest first, at most 200. */
  listExceptions: (filter: ExceptionFilter) => Promise<Exception[]>
  /** What failed in the same way, newest activity first, at most 200. Open ones only, unless a state is asked for. */
  listExceptionGroups: (filter: ExceptionFilter) => Promise<ExceptionGroup[]>
  /** Says that somebody saw it. */
  acknowledgeException: (id: number) => Promise<Exception>
  assignException: (id: number, assignment: Assignment) => Promise<Exception>
  snoozeException: (id: number, snooze: Snooze) => Promise<Exception>
  commentException: (id: number, text: string) => Promise<ExceptionComment>
  /** Oldest first, at most 200. */
  listExceptionComments: (id: number) => Promise<ExceptionComment[]>
  /** Records that somebody took care, and nothing else. */
  handleException: (id: number, remark?: string) => Promise<void>
  /** Runs the task again that the exception stopped. */
  retryException: (id: number, reason?: string, once?: Once) => Promise<void>
  /** Decides about many transactions at once; with `dry_run` it only counts. */
  createBulkJob: (request: BulkJobRequest, once?: Once) => Promise<BulkJob>
  /** Newest first, at most 200. */
  listBulkJobs: () => Promise<BulkJobSummary[]>
  getBulkJob: (id: string) => Promise<BulkJob>
  /** `start` is for one that was a dry run. */
  commandBulkJob: (id: string, command: BulkCommand | "start") => Promise<BulkJob>
  /** In its order. */
  listBulkItems: (id: string, filter: { state?: BulkItemState | undefined }) => Promise<BulkItem[]>
  /** By name, at most 200. */
  listConnections: () => Promise<ConnectionView[]>
  /** Stores a connection, or replaces the one of that name. `settings` as the API's docs describe each kind. */
  applyConnection: (settings: { name: string; [field: string]: unknown }) => Promise<ConnectionView>
  /** Dials it and logs in, from where calls are made; nothing is called. */
  testConnection: (name: string) => Promise<ConnectionTest>
  deleteConnection: (name: string) => Promise<void>
  /** Their names; no route answers a value. At most 200. */
  listSecrets: () => Promise<SecretView[]>
  /** Stores a secret, or a new value for one. */
  saveSecret: (name: string, value: string) => Promise<SecretView>
  deleteSecret: (name: string) => Promise<void>
  /** Newest first, at most 200. */
  listKeys: () => Promise<KeyView[]>
  revokeKey: (id: string) => Promise<void>
  /** Newest first, at most 200. */
  listAudit: (filter: AuditFilter) => Promise<AuditEntry[]>
}

/** Every method throws `ApiError` for an answer that is an error, and `Unreachable` when there is no answer. */
export function createClient(options: ClientOptions): HoldfastClient {
  const call = createCall(options)
  const callUnder = ({ idempotencyKey }: Once = {}): Call =>
    idempotencyKey === undefined ? call : createCall(options, { "idempotency-key": idempotencyKey })
  const path = (...parts: (string | number)[]): string => `/api/v1/${parts.map(encodeURIComponent).join("/")}`
  const list = async <Item>(target: string, filter: object): Promise<Item[]> => {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(filter))
      if (value !== undefined) query.set(name, String(value))
    return (await call<{ list: Item[] }>("GET", `${target}?${query.toString()}`)).list
  }
  return {
    publishFlow: (definition) => call("POST", path("flows"), { definition }),
    applyFlow: async (name, source, { override } = {}) => {
      const query = override === undefined ? "" : `?override=${encodeURIComponent(override)}`
      try {
        return await call<Flow>("PUT", path("flows", name) + query, source)
      } catch (thrown) {
        if (!(thrown instanceof ApiError) || thrown.error !== "flow_not_found") throw thrown
        return call("POST", path("flows") + query, source)
      }
    },
    validateFlow: (source) => call("POST", path("flows", "validate"), source),
    startTransaction: (request) => call("POST", path("transactions"), request),
    getTransaction: (instanceId) => call("GET", path("transactions", instanceId)),
    followTransaction: (instanceId, signal) =>
      followEvents(options, { target: path("transactions", instanceId, "events"), signal }),
    listTransactions: (filter) => list(path("transactions"), { page_size: 20, ...filter }),
    retryTransaction: (instanceId, reason, once) =>
      callUnder(once)("POST", path("transactions", instanceId, "retry"), toReason(reason)),
    redoTransaction: (instanceId, request) => call("POST", path("transactions", instanceId, "redo"), request),
    act: (instanceId, action, reason, once) =>
      callUnder(once)("POST", path("transactions", instanceId, action), toReason(reason)),
    decide: (instanceId, decision, once) =>
      callUnder(once)("POST", path("transactions", instanceId, "decisions"), decision),
    listApprovals: (filter) => list(path("approvals"), { limit: 200, ...filter }),
    listExceptions: (filter) => list(path("exceptions"), { page_size: 200, ...filter }),
    listExceptionGroups: (filter) => list(path("exceptions", "groups"), filter),
    acknowledgeException: (id) => call("POST", path("exceptions", id, "acknowledge")),
    assignException: (id, assignment) => call("POST", path("exceptions", id, "assign"), assignment),
    snoozeException: (id, snooze) => call("POST", path("exceptions", id, "snooze"), snooze),
    commentException: (id, text) => call("POST", path("exceptions", id, "comment"), { text }),
    listExceptionComments: (id) => list(path("exceptions", id, "comments"), { page_size: 200 }),
    handleException: async (id, remark) => {
      await call("POST", path("exceptions", id, "handle"), remark === undefined ? undefined : { remark })
    },
    retryException: async (id, reason, once) => {
      await callUnder(once)("POST", path("exceptions", id, "retry"), toReason(reason))
    },
    createBulkJob: (request, once) => callUnder(once)("POST", path("bulk-jobs"), request),
    listBulkJobs: () => list(path("bulk-jobs"), { page_size: 200 }),
    getBulkJob: (id) => call("GET", path("bulk-jobs", id)),
    commandBulkJob: (id, command) => call("POST", path("bulk-jobs", id, command)),
    listBulkItems: async (id, filter) => {
      const items: BulkItem[] = []
      for (let after: number | null = 0; after !== null;) {
        const query = new URLSearchParams({ after: String(after), limit: "1000" })
        if (filter.state !== undefined) query.set("state", filter.state)
        const page: { list: BulkItem[]; next_after: number | null } = await call(
          "GET",
          `${path("bulk-jobs", id, "items")}?${query.toString()}`,
        )
        items.push(...page.list)
        after = page.next_after
      }
      return items
    },
    listConnections: () => list(path("connections"), { page_size: 200 }),
    applyConnection: async (settings) => {
      try {
        return await call<ConnectionView>("PUT", path("connections", settings.name), settings)
      } catch (thrown) {
        if (!(thrown instanceof ApiError) || thrown.error !== "connection_not_found") throw thrown
        return call("POST", path("connections"), settings)
      }
    },
    testConnection: (name) => call("POST", path("connections", name, "test")),
    deleteConnection: async (name) => {
      await call("DELETE", path("connections", name))
    },
    listSecrets: () => list(path("secrets"), { page_size: 200 }),
    saveSecret: (name, value) => call("POST", path("secrets"), { name, value }),
    deleteSecret: async (name) => {
      await call("DELETE", path("secrets", name))
    },
    listKeys: () => list(path("keys"), { page_size: 200 }),
    revokeKey: async (id) => {
      await call("DELETE", path("keys", id))
    },
    listAudit: (filter) => list(path("audit"), { limit: 200, ...filter }),
  }
}

function toReason(reason: string | undefined): { reason: string } | undefined {
  return reason === undefined ? undefined : { reason }
}

/** A body that is text is JSON already. */
type Call = <T>(
  method: "GET" | "POST" | "PUT" | "DELETE",
  target: string,
  body?: object | string,
) => Promise<T>

function createCall(
  { baseUrl, apiKey, timeoutMs = 30_000 }: ClientOptions,
  headers: Record<string, string> = {},
): Call {
  const origin = baseUrl.replace(/\/+$/, "")
  return async <T>(method: string, target: string, body?: object | string): Promise<T> => {
    const response = await fetch(origin + target, {
      method,
      headers: {
        ...headers,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((thrown: unknown) => {
      throw new Unreachable(origin, thrown)
    })
    const text = await response.text()
    const answer = parseAnswer(text)
    if (!response.ok || answer?.data === undefined) throw new ApiError(response.status, answer, text)
    // The API checks its own answers against the schemas that these shapes restate.
    return answer.data as T
  }
}
