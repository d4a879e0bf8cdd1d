/** What the tests of this floor build definitions with. */
import type { Plan, PlanTask } from "../contract/plan.ts"
import type { ConnectionInfo } from "./connection.ts"
import { validateFlow, type Validation } from "./validate.ts"

export const CONNECTIONS: ConnectionInfo[] = [
  { name: "payment", kind: "grpc" },
  { name: "inventory", kind: "postgres" },
  { name: "events", kind: "mqtt", default: true },
  { name: "shipping", kind: "http", effect: "keyed" },
  { name: "ledger", kind: "http-rpc" },
]

/** A task that is right, with other or more fields. */
export function task(id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { id, task_name: "rpc", config: { service: "ledger", method: "post" }, ...more }
}

export function db(id: string, config: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return { id, task_name: "db", config: { connection: "inventory", ...config }, ...more }
}

export function http(id: string, config: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return { id, task_name: "http", config, ...more }
}

export function flow(tasks: unknown, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "order", tasks, ...more }
}

export function validate(definition: unknown, connections = CONNECTIONS): Validation {
  return validateFlow(definition, { connections })
}

/** `code pointer` of every problem. */
export function problemsOf(definition: unknown, connections = CONNECTIONS): string[] {
  return validate(definition, connections).problems.map(({ code, pointer }) => `${code} ${pointer}`)
}

/** `code pointer` of every warning of a definition that must be right. */
export function warningsOf(definition: unknown, connections = CONNECTIONS): string[] {
  compile(definition, connections)
  return validate(definition, connections).warnings.map(({ code, pointer }) => `${code} ${pointer}`)
}

export function compile(definition: unknown, connections = CONNECTIONS): Plan {
  const { plan, problems } = validate(definition, connections)
  if (plan === undefined)
    throw new Error(`the definition should be right: ${JSON.stringify(problems, null, 2)}`)
  return plan
}

/** The plan of one task; a fresh one on every call. */
export function compileOne(definition: Record<string, unknown>, connections = CONNECTIONS): PlanTask {
  const [only] = compile(flow([definition]), connections).tasks
  if (only === undefined) throw new Error("the plan has no task")
  return only
}
