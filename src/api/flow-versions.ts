/** Stored versions of flows as the API uses them, kept in memory: a version never changes. */
import type { Pool } from "pg"
import { MAX_INLINE_PLAN_BYTES } from "../contract/messages.ts"
import type { Plan } from "../contract/plan.ts"
import { createParamsValidator } from "../flow/params-validator.ts"
import { unpackPlan } from "../flow/plan-bytes.ts"
import type { Problem } from "../flow/problem.ts"
import { findFlowVersion } from "../store/queries/find-flow-version.ts"

export interface FlowVersionKey {
  tenant: string
  flow_id: string
  version: number
}

/** What the author wrote of a task; the plan holds what it means. */
export interface AuthoredTask {
  description: string | undefined
  config: unknown
}

export interface FlowVersion {
  plan: Plan
  /** As the plan travels, or more. */
  planBytes: number
  tasks: ReadonlyMap<string, AuthoredTask>
  validateParams: (params: unknown) => Problem[]
}

export interface FlowVersions {
  /** @throws {Error} when there is no such version: whoever asks has seen a row that names it. */
  get(key: FlowVersionKey): Promise<FlowVersion>
}

/** In characters of source text. */
const MEMORY_BUDGET = 32 * 1024 * 1024

interface Entry {
  version: Promise<FlowVersion>
  size: number
}

export function createFlowVersions(pool: Pool): FlowVersions {
  const entries = new Map<string, Entry>()
  let total = 0
  const forget = (name: string): void => {
    total -= entries.get(name)?.size ?? 0
    entries.delete(name)
  }
  const account = (name: string, size: number): void => {
    const entry = entries.get(name)
    if (entry === undefined) return
    entry.size = size
    total += size
    // The oldest goes first; the newest stays even if it is larger than the budget.
    for (const oldest of entries.keys()) {
      if (total <= MEMORY_BUDGET || oldest === name) break
      forget(oldest)
    }
  }
  const load = async (name: string, key: FlowVersionKey): Promise<FlowVersion> => {
    const row = await findFlowVersion(pool, key)
    if (row === undefined) throw new Error(`flow ${key.flow_id} has no version ${key.version}`)
    account(name, row.source.length)
    return {
      plan: unpackPlan(row.plan),
      planBytes: Math.max(row.plan.length, MAX_INLINE_PLAN_BYTES),
      tasks: readAuthoredTasks(row.source),
      validateParams: createParamsValidator(row.params_schema),
    }
  }
  return {
    async get(key) {
      const name = JSON.stringify([key.tenant, key.flow_id, key.version])
      const known = entries.get(name)
      if (known !== undefined) return known.version
      const version = load(name, key)
      entries.set(name, { version, size: 0 })
      try {
        return await version
      } catch (error) {
        forget(name)
        throw error
      }
    },
  }
}

function readAuthoredTasks(source: string): Map<string, AuthoredTask> {
  // Sources are stored only after they were validated: a definition is an object with a list of tasks.
  const definition = JSON.parse(source) as { tasks: { id: string; description?: string; config?: unknown }[] }
  return new Map(
    definition.tasks.map(({ id, description, config }) => [id, { description, config: config ?? {} }]),
  )
}
