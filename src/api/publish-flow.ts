/** Creating a flow, and giving it a new version. Versions are immutable; what runs keeps the one it has. */
import type { Override } from "../flow/pivot.ts"
import { canonicalJson } from "../flow/plan-bytes.ts"
import { findFlow } from "../store/queries/find-flow.ts"
import type { FlowRow } from "../store/queries/flow-row.ts"
import { insertFlow, type NewFlowVersion } from "../store/queries/insert-flow.ts"
import { updateFlow } from "../store/queries/update-flow.ts"
import type { CompiledFlow } from "./compile-flow.ts"
import { compileForTenant } from "./compile-for-tenant.ts"
import type { ApiServices } from "./dependencies.ts"
import { type Change, recordChange } from "./record-change.ts"
import type { AuditedBy } from "../store/queries/insert-audit-row.ts"
import { toEtag } from "./flow-view.ts"
import { createFlowId } from "./flow-id.ts"
import { ApiProblem } from "./problem.ts"
import { assertMatch } from "./if-match.ts"
import { type PublishBody, readDefinition } from "./read-definition.ts"

interface CreateRequest {
  author: AuditedBy
  body: PublishBody
  overrides: readonly Override[]
  /** Judge it, store nothing. */
  dryRun: boolean
}

export type Published =
  { outcome: "created" | "unchanged"; flow: FlowRow } | { outcome: "valid"; compiled: CompiledFlow }

/**
 * A name that is taken by the same plan is the same flow: nothing is stored and the flow is returned.
 * @throws {ApiProblem} `flow_invalid`, `name_mismatch`, `flow_exists`.
 */
export async function createFlow(
  services: ApiServices,
  { author, body, overrides, dryRun }: CreateRequest,
): Promise<Published> {
  const definition = readDefinition(body)
  const { tenant, actor } = author
  const compiled = await compileForTenant(services, tenant, definition, overrides)
  const name = compiled.plan.flow
  if (dryRun) {
    const existing = await findFlow(services.pool, { tenant, flow: name })
    if (existing !== undefined) assertSame(existing, compiled.version)
    return { outcome: "valid", compiled }
  }
  const fresh = {
    tenant,
    id: createFlowId(),
    name,
    description: definition.description,
    flow_type: definition.flow_type ?? "",
    user: definition.user ?? actor,
    actor,
    version: compiled.version,
  }
  const created = await recordChange(services, author, {
    work: (db) => insertFlow(db, fresh),
    toChange: (row) => row && toPublished(undefined, row, overrides),
  })
  if (created !== undefined) return { outcome: "created", flow: created }
  const flow = await getFlow(services, { tenant, flow: name })
  assertSame(flow, compiled.version)
  return { outcome: "unchanged", flow }
}

interface ReplaceRequest {
  author: AuditedBy
  /** Id or name. */
  flow: string
  body: PublishBody
  overrides: readonly Override[]
  /** `If-Match`. */
  expectedEtag: string | undefined
}

/** How often a change that another one overtook is tried again. */
const RACES = 5

/**
 * The same plan adds no version; description and type may change with it. Answers what this request stored.
 * @throws {ApiProblem} `flow_not_found`, `precondition_failed`, `flow_invalid`, `name_mismatch`.
 */
export async function replaceFlow(services: ApiServices, request: ReplaceRequest): Promise<FlowRow> {
  const { tenant, actor } = request.author
  let flow = await getFlow(services, { tenant, flow: request.flow })
  assertEtag(flow, request.expectedEtag)
  const definition = readDefinition({ ...request.body, name: request.body.name ?? flow.name })
  const compiled = await compileForTenant(services, tenant, definition, request.overrides)
  assertName(flow, compiled.plan.flow)
  for (let race = 0; race < RACES; race++) {
    const before = flow
    const update = {
      tenant,
      id: flow.id,
      updated_us: flow.updated_us,
      description: definition.description,
      flow_type: definition.flow_type ?? flow.flow_type,
      user: definition.user ?? actor,
      actor,
      version: isSame(flow, compiled.version) ? null : compiled.version,
    }
    const stored = await recordChange(services, request.author, {
      work: (db) => updateFlow(db, update),
      toChange: (row) => row && toPublished(before, row, request.overrides),
    })
    if (stored !== undefined) return stored
    flow = await getFlow(services, { tenant, flow: flow.id })
    assertEtag(flow, request.expectedEtag)
  }
  throw new ApiProblem("precondition_failed", { detail: "Others keep changing this flow: try again." })
}

/** @throws {ApiProblem} `flow_not_found`. */
export async function getFlow(
  services: ApiServices,
  key: { tenant: string; flow: string },
): Promise<FlowRow> {
  const flow = await findFlow(services.pool, key)
  if (flow === undefined) throw new ApiProblem("flow_not_found")
  return flow
}

function toPublished(before: FlowRow | undefined, after: FlowRow, overrides: readonly Override[]): Change {
  const told = ({ id, version, plan_hash, is_active, description, flow_type }: FlowRow) => ({
    id,
    version,
    plan_hash,
    is_active,
    description,
    flow_type,
  })
  return {
    action: "flow.publish",
    subject: after.name,
    before: before === undefined ? null : told(before),
    after: { ...told(after), ...(overrides.length === 0 ? {} : { overrides }) },
  }
}

/** The plan says what runs, the schema what it may be started with. */
function isSame(flow: FlowRow, version: NewFlowVersion): boolean {
  return (
    flow.plan_hash === version.plan_hash &&
    canonicalJson(flow.params_schema ?? null) === canonicalJson(version.params_schema ?? null)
  )
}

function assertSame(flow: FlowRow, version: NewFlowVersion): void {
  if (isSame(flow, version)) return
  throw new ApiProblem("flow_exists", {
    detail: `There is a flow named ${flow.name} with another plan: use PUT /api/v1/flows/${encodeURIComponent(flow.name)} to give it a new version.`,
    headers: { location: `/api/v1/flows/${flow.id}` },
  })
}

function assertEtag(flow: FlowRow, expected: string | undefined): void {
  assertMatch(toEtag(flow), expected)
}

function assertName(flow: FlowRow, name: string): void {
  if (flow.name === name) return
  const detail = `This flow is named ${JSON.stringify(flow.name)}, the definition ${JSON.stringify(name)}: a flow keeps its name.`
  throw new ApiProblem("name_mismatch", {
    detail,
    errors: [{ pointer: "/definition/name", code: "name_mismatch", detail }],
  })
}
