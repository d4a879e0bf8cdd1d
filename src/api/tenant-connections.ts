/** The connections a tenant has: those of the file, which win, and the stored ones. */
import type { Connection } from "../contract/connections.ts"
import { DEFAULT_TENANT } from "../contract/messages.ts"
import type { ConnectionRow } from "../store/queries/connection-row.ts"
import { listConnections } from "../store/queries/list-connections.ts"
import type { ApiServices } from "./dependencies.ts"

export type TenantConnection =
  { source: "file"; settings: Connection } | ({ source: "api"; settings: Connection } & ConnectionRow)

/** By name. */
export async function listTenantConnections(
  services: Pick<ApiServices, "pool" | "connections">,
  tenant: string,
): Promise<TenantConnection[]> {
  const fromFile = listFileConnections(services, tenant)
  const names = new Set(fromFile.map(({ name }) => name))
  const stored = await listConnections(services.pool, tenant)
  return [
    ...fromFile.map((settings) => ({ source: "file" as const, settings })),
    ...stored.filter(({ name }) => !names.has(name)).map((row) => ({ source: "api" as const, ...row })),
  ].toSorted((a, b) => (a.settings.name < b.settings.name ? -1 : 1))
}

/** The files belong to the installation's own tenant. */
export function listFileConnections(
  { connections }: Pick<ApiServices, "connections">,
  tenant: string,
): readonly Connection[] {
  return tenant === DEFAULT_TENANT ? connections : []
}
