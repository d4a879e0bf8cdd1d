/** What must hold of the table of routes before the server may answer anything. */
import type { ApiRoute } from "./route.ts"
import { isScope } from "./scopes.ts"

/**
 * The only routes that ask for no key, by id: a scope that was set to `public` by mistake stops the boot, as one
 * that was forgotten does.
 */
const PUBLIC_ROUTES = new Set([
  "get-health",
  "get-healthz",
  "get-livez",
  "get-readyz",
  "get-metrics",
  "get-version",
  "get-openapi",
  "get-docs",
  "get-docs-script",
])

/** @throws {Error} naming every route that is wrong. */
export function assertRouteTable(routes: readonly ApiRoute[]): void {
  const seen = new Set<string>()
  const flaws = routes.flatMap((route) => {
    const place = `${route.contract.method} ${route.contract.path}`
    const repeated = [route.id, place].filter((name) => seen.has(name))
    seen.add(route.id).add(place)
    return [...repeated.map((name) => `${name} is there twice`), ...describeScope(route, place)]
  })
  if (flaws.length > 0) throw new Error(`the API does not start: ${flaws.join("; ")}`)
}

function describeScope({ id, scope }: ApiRoute, place: string): string[] {
  if (scope === "public") return PUBLIC_ROUTES.has(id) ? [] : [`${place} is public and not listed as such`]
  return isScope(scope) ? [] : [`${place} declares no scope`]
}
