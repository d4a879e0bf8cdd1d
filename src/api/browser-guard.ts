/**
 * Browsers carry requests for pages of other sites. Without keys, being on loopback is the only credential, and
 * a browser there has it: so pages of others may change nothing, and a name that was made to resolve to this
 * machine (DNS rebinding) is not answered at all.
 */
import type { MiddlewareHandler } from "hono"
import type { ApiEnv, AuthMode } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"

const READING = new Set(["GET", "HEAD", "OPTIONS"])
const LOOPBACK_HOST = /^(?:localhost|[^:]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

export function guardBrowsers(auth: AuthMode): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    // Only browsers send it, and no page can change it.
    const site = c.req.header("sec-fetch-site") ?? "none"
    if (!READING.has(c.req.method) && site !== "none" && site !== "same-origin")
      throw new ApiProblem("cross_site")
    if (auth.mode === "off" && !LOOPBACK_HOST.test(new URL(c.req.url).host)) {
      throw new ApiProblem("cross_site", {
        detail: "Without API keys only localhost and loopback addresses are answered: use one in the URL.",
      })
    }
    await next()
  }
}
