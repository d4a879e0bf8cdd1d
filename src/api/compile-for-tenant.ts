import { listTaskDefinitions } from "../store/queries/list-task-definitions.ts"
import { compileFlow, type CompiledFlow } from "./compile-flow.ts"
import type { Override } from "../flow/pivot.ts"
import type { ApiServices } from "./dependencies.ts"
import type { Definition } from "./read-definition.ts"
import { listTenantConnections } from "./tenant-connections.ts"

/** Against the connections and task definitions that the tenant has now. @throws {ApiProblem} `flow_invalid`. */
export async function compileForTenant(
  services: ApiServices,
  tenant: string,
  definition: Definition,
  overrides: readonly Override[] = [],
): Promise<CompiledFlow> {
  const found = await listTenantConnections(services, tenant)
  const connections = found.map(({ settings }) => settings)
  const definitions = await listTaskDefinitions(services.pool, tenant)
  return compileFlow({ ...services, connections }, { definition, definitions, overrides })
}
