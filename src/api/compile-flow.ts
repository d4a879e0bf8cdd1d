/** A definition to what a version stores, or all that is wrong with it. */
import { setImmediate } from "node:timers/promises"
import { type AddressPolicy, isGuardedLiteral } from "../contract/addresses.ts"
import type { Plan } from "../contract/plan.ts"
import type { ConnectionInfo } from "../flow/connection.ts"
import type { Override } from "../flow/pivot.ts"
import { literalHostsOf } from "../flow/literal-hosts.ts"
import { planHash } from "../flow/plan-bytes.ts"
import type { Problem } from "../flow/problem.ts"
import type { TaskDefinition } from "../flow/task-definition.ts"
import { validateInSteps } from "../flow/validate.ts"
import type { NewFlowVersion } from "../store/queries/insert-flow.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem, type ProblemItem } from "./problem.ts"
import type { Definition } from "./read-definition.ts"

const TURN_MS = 10

export interface CompiledFlow {
  plan: Plan
  version: NewFlowVersion
  /** At their places in the request. */
  warnings: ProblemItem[]
}

interface CompileRequest {
  definition: Definition
  definitions: readonly TaskDefinition[]
  overrides?: readonly Override[]
}

/** @throws {ApiProblem} `flow_invalid` with every problem at its place in the request. */
export async function compileFlow(
  services: Pick<ApiServices, "addressPolicy" | "retryDefaults"> & {
    connections: readonly ConnectionInfo[]
  },
  { definition, definitions, overrides = [] }: CompileRequest,
): Promise<CompiledFlow> {
  const { connections, addressPolicy, retryDefaults } = services
  const steps = validateInSteps(definition.value, {
    connections,
    definitions,
    overrides,
    ...(retryDefaults === undefined ? {} : { retryDefaults }),
  })
  const { problems, warnings, plan, packed } = await finish(steps)
  const guarded = plan === undefined ? [] : findGuardedHosts(plan, addressPolicy)
  if (plan === undefined || packed === undefined || guarded.length > 0) {
    throw flowInvalid([...problems, ...guarded], definition.pointer)
  }
  return {
    plan,
    version: {
      source: definition.source,
      source_kind: definition.source_kind,
      plan: packed,
      plan_hash: planHash(plan),
      params_schema: paramsSchemaOf(definition.value),
      warnings,
    },
    warnings: warnings.map((warning) => toProblemItem(warning, definition.pointer)),
  }
}

/** Lets others have their turn between the steps of long work. */
async function finish<Result>(steps: Generator<undefined, Result>): Promise<Result> {
  for (let turn = performance.now(); ;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (performance.now() - turn < TURN_MS) continue
    await setImmediate()
    turn = performance.now()
  }
}

/** A problem of a definition, told at its place in a request or an answer that holds the definition at `pointer`. */
export function toProblemItem({ pointer, code, message, fix }: Problem, at: string): ProblemItem {
  return { pointer: at + pointer, code, detail: fix === undefined ? message : `${message}: ${fix}` }
}

function flowInvalid(problems: Problem[], at: string): ApiProblem {
  const count = problems.length === 1 ? "one problem" : `${problems.length} problems`
  return new ApiProblem("flow_invalid", {
    detail: `The flow has ${count}: see errors.`,
    errors: problems.map((problem) => toProblemItem(problem, at)),
  })
}

/** The connector refuses these again when it connects; here the author hears of it before anything runs. */
function findGuardedHosts(plan: Plan, policy: AddressPolicy): Problem[] {
  return literalHostsOf(plan)
    .filter(({ host }) => isGuardedLiteral(host, policy))
    .map(({ pointer, host }) => ({
      pointer,
      code: "address_guarded",
      message: `${host} is an address that flows may not call`,
      fix: "use a connection, which an administrator configures",
    }))
}

function paramsSchemaOf(value: unknown): unknown {
  const document: unknown = typeof value === "string" ? JSON.parse(value) : value
  // A definition that compiled is an object.
  return (document as { params_schema?: unknown }).params_schema ?? null
}
