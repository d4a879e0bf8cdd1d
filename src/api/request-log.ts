/** One line a request: what was asked, by whom, how it ended. Ids of callers' things stay out of the path. */
import type { MiddlewareHandler } from "hono"
import { routePath } from "hono/route"
import type { Logger } from "../store/logger.ts"
import type { ApiEnv } from "./dependencies.ts"

export function logRequests(logger: Logger): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const startedAt = performance.now()
    await next()
    const identity: ApiEnv["Variables"]["identity"] | undefined = c.get("identity")
    const fields = {
      request_id: c.get("requestId"),
      traceparent: c.req.header("traceparent")?.slice(0, 100),
      method: c.req.method,
      route: routePath(c, -1),
      status: c.res.status,
      duration_ms: Math.round((performance.now() - startedAt) * 10) / 10,
      tenant: identity?.tenant,
      actor: identity?.actor,
    }
    logger.info(fields, "request")
  }
}
