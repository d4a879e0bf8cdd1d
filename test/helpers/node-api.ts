import { expect } from "vitest"
import { until } from "./until.ts"

export interface NodeAnswer {
  status: number
  /** Tests look into it; what its shape is, the route's schema says. */
  // oxlint-disable-next-line typescript/no-explicit-any
  json: any
}

/** The API of a `holdfast start` process, as its users call it. */
export interface NodeApi {
  post(path: string, body?: object, headers?: Record<string, string>): Promise<NodeAnswer>
  put(path: string, body: object): Promise<NodeAnswer>
  /** The `data` of what is there. */
  // oxlint-disable-next-line typescript/no-explicit-any
  get(path: string): Promise<any>
  publish(definition: object): Promise<void>
  start(flow: string, id: string, params?: object): Promise<void>
  /** Waits until the transaction has this status, and answers it. */
  // oxlint-disable-next-line typescript/no-explicit-any
  reaches(id: string, status: string): Promise<any>
  /** The newest one of the transaction. */
  // oxlint-disable-next-line typescript/no-explicit-any
  exceptionOf(id: string): Promise<any>
}

export function createNodeApi(url: string): NodeApi {
  const ask = async (method: string, path: string, options: RequestInit = {}): Promise<NodeAnswer> => {
    const response = await fetch(`${url}/api/v1${path}`, { method, ...options })
    return { status: response.status, json: await response.json() }
  }
  const send =
    (method: string) =>
    (path: string, body?: object, headers: Record<string, string> = {}) =>
      ask(method, path, {
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
  const post = send("POST")
  const get: NodeApi["get"] = async (path) => {
    const { status, json } = await ask("GET", path)
    expect(status, JSON.stringify(json)).toBe(200)
    return json.data
  }
  const create = async (path: string, body: object) => {
    const { status, json } = await post(path, body)
    expect(status, JSON.stringify(json)).toBe(201)
  }
  return {
    post,
    put: send("PUT"),
    get,
    publish: (definition) => create("/flows", { definition }),
    start: (flow_id, instance_id, params = {}) => create("/transactions", { instance_id, flow_id, params }),
    reaches: (id, status) =>
      until(
        () => get(`/transactions/${encodeURIComponent(id)}`),
        (found) => found.status === status,
      ),
    exceptionOf: async (id) => (await get(`/exceptions?instance_id=${encodeURIComponent(id)}`)).list[0],
  }
}
