/** The HTTP API as one value: `main.ts` puts it on a port, tests call it as it is. */
import { OpenAPIHono } from "@hono/zod-openapi"
import type { Context } from "hono"
import { requestId } from "hono/request-id"
import { secureHeaders } from "hono/secure-headers"
import { toError } from "../contract/errors.ts"
import { createAuthenticate } from "./authenticate.ts"
import { guardBrowsers } from "./browser-guard.ts"
import { UPDATES_AT_ONCE } from "./decide.ts"
import type { ApiDependencies, ApiEnv, ApiServices } from "./dependencies.ts"
import { createFlowVersions } from "./flow-versions.ts"
import { ApiProblem, toProblemBody } from "./problem.ts"
import { logRequests } from "./request-log.ts"
import { assertRouteTable } from "./route-table.ts"
import { type ApiRoute, mountRoute } from "./route.ts"
import { ROUTES } from "./routes/table.ts"
import { toApiProblem } from "./to-problem.ts"
import { createTurns } from "./turns.ts"
import { refuseMisfits } from "./validation-problem.ts"

/** For the app, and for what decides beside it: how many decisions a run is sent at once is counted here. */
export function createServices(dependencies: ApiDependencies): ApiServices {
  return {
    ...dependencies,
    authenticate: createAuthenticate(dependencies),
    flowVersions: createFlowVersions(dependencies.pool),
    decisionTurns: createTurns(UPDATES_AT_ONCE),
  }
}

/** @throws {Error} when a route declares no scope. */
export function createApp(
  dependencies: ApiDependencies,
  routes: readonly ApiRoute[] = ROUTES,
): OpenAPIHono<ApiEnv> {
  return mountApp(createServices(dependencies), routes)
}

/**
 * Every route of the table, behind the same guards; anything else is a 404.
 * @throws {Error} when a route declares no scope.
 */
export function mountApp(services: ApiServices, routes: readonly ApiRoute[]): OpenAPIHono<ApiEnv> {
  assertRouteTable(routes)
  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseMisfits })
  app.use(requestId())
  app.use(logRequests(services.logger))
  // `overwrite`: the docs page brings a policy of its own.
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      xFrameOptions: "DENY",
      overwrite: false,
    }),
  )
  app.use(guardBrowsers(services.auth))
  for (const route of routes) mountRoute(app, route, services)
  app.notFound((c) => answer(c, new ApiProblem("route_not_found")))
  app.onError((error, c) => {
    const problem = toApiProblem(error)
    if (problem.status >= 500) {
      const { message, stack } = toError(problem.cause ?? problem)
      services.logger.error({ request_id: c.get("requestId"), error: message, stack }, problem.word)
    }
    return answer(c, problem)
  })
  return app
}

function answer(c: Context<ApiEnv>, problem: ApiProblem): Response {
  return c.body(JSON.stringify(toProblemBody(problem, c.get("requestId"))), problem.status as 400, {
    "content-type": "application/problem+json",
    ...problem.headers,
  })
}
