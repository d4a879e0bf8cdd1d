/** A typed client of the HTTP API over `fetch`. */
import { ApiError, Unreachable } from "./errors.ts"
import type { Exception, Flow, StartedTransaction, Transaction } from "./shapes.ts"

export interface ClientOptions {
  /** `http://127.0.0.1:8080`, without `/api/v1`. */
  baseUrl: string
  apiKey?: string
  /** For one request, in milliseconds; default 30,000. */
  timeoutMs?: number
}

export interface StartRequest {
  instance_id: string
  /** Id or name. */
  flow_id: string
  params: Record<string, unknown>
}

export interface HoldfastClient {
  /** Publishes a flow; one that is there with the same plan is answered as it is. */
  publishFlow: (definition: object) => Promise<Flow>
  /** Repeating the same request is safe: the transaction that is there is answered. */
  startTransaction: (request: StartRequest) => Promise<StartedTransaction>
  getTransaction: (instanceId: string) => Promise<Transaction>
  /** Newest first, at most 200. */
  listExceptions: (filter: { instance_id?: string; handled?: boolean }) => Promise<Exception[]>
  /** Runs the task again that the exception stopped. */
  retryException: (id: number) => Promise<void>
}

/** Every method throws `ApiError` for an answer that is an error, and `Unreachable` when there is no answer. */
export function createClient(options: ClientOptions): HoldfastClient {
  const call = createCall(options)
  const path = (...parts: (string | number)[]): string => `/api/v1/${parts.map(encodeURIComponent).join("/")}`
  return {
    publishFlow: (definition) => call("POST", path("flows"), { definition }),
    startTransaction: (request) => call("POST", path("transactions"), request),
    getTransaction: (instanceId) => call("GET", path("transactions", instanceId)),
    listExceptions: async (filter) => {
      const query = new URLSearchParams({ page_size: "200" })
      for (const [name, value] of Object.entries(filter)) query.set(name, String(value))
      const page = await call<{ list: Exception[] }>("GET", `${path("exceptions")}?${query.toString()}`)
      return page.list
    },
    retryException: async (id) => {
      await call("POST", path("exceptions", id, "retry"))
    },
  }
}

type Call = <T>(method: "GET" | "POST", target: string, body?: object) => Promise<T>

function createCall({ baseUrl, apiKey, timeoutMs = 30_000 }: ClientOptions): Call {
  const origin = baseUrl.replace(/\/+$/, "")
  return async <T>(method: string, target: string, body?: object): Promise<T> => {
    const response = await fetch(origin + target, {
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
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

function parseAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    // Narrowed to a plain object by the test around it.
    return typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
