/**
 * A route is one value: what it accepts and answers, the scope it needs, and its handler. `mountRoute` puts
 * the same guards before every one of them, in the same order: key, body, contract, Idempotency-Key.
 */
import type { OpenAPIHono, RouteConfig, RouteHandler } from "@hono/zod-openapi"
import type { Context, Handler, MiddlewareHandler } from "hono"
import type { Authenticate } from "./authenticate.ts"
import type { ApiEnv, ApiServices } from "./dependencies.ts"
import { problemsOf } from "./envelope.ts"
import { answerOnce, idempotencyHeaders } from "./idempotency.ts"
import { readBody } from "./read-body.ts"
import type { Scope } from "./scopes.ts"

/** What is stored of an answer under its `Idempotency-Key`: all of it, or a copy without secrets. */
export type StoredAnswer = "whole" | ((body: unknown) => unknown)

type Finish = (services: ApiServices) => (c: Context<ApiEnv>, answer: Response) => Promise<Response>

interface RouteDefinition<R extends RouteConfig> {
  contract: R
  scope: Scope | "public"
  /** Opens the route too; the handler tells what each of the two is for. */
  orScope?: Scope
  /** On every POST that changes something. */
  idempotent?: StoredAnswer
  /** @param app which it is a route of. */
  handler: (services: ApiServices, app: OpenAPIHono<ApiEnv>) => RouteHandler<R, ApiEnv>
  /** What is left to do with an answer that is already kept under its `Idempotency-Key`, or was replayed from it. */
  finish?: Finish
}

/** A route with its types forgotten, as the table holds it. */
export interface ApiRoute {
  /** The operation's name: unique, and what public routes are recognised by. */
  id: string
  contract: RouteConfig
  scope: Scope | "public"
  orScope?: Scope | undefined
  idempotent: StoredAnswer | undefined
  handler: (services: ApiServices, app: OpenAPIHono<ApiEnv>) => Handler<ApiEnv>
  finish?: Finish | undefined
}

export function defineRoute<R extends RouteConfig & { operationId: string }>(
  definition: RouteDefinition<R>,
): ApiRoute {
  return {
    id: definition.contract.operationId,
    contract: definition.contract,
    scope: definition.scope,
    orScope: definition.orScope,
    idempotent: definition.idempotent,
    // The handler was checked against its own contract above; the contract's validators run before it.
    handler: definition.handler,
    finish: definition.finish,
  }
}

export function mountRoute(app: OpenAPIHono<ApiEnv>, route: ApiRoute, services: ApiServices): void {
  const guards: MiddlewareHandler<ApiEnv>[] = []
  if (route.scope !== "public") guards.push(requireScope(services.authenticate, route.scope, route.orScope))
  const body = route.contract.request?.body
  if (body !== undefined) guards.push(readBody(body.required === true ? "required" : "optional"))
  const handler = route.handler(services, app)
  const contract = { ...route.contract, ...documentation(route), middleware: guards }
  if (route.idempotent !== undefined) contract.request = { ...contract.request, headers: idempotencyHeaders }
  const finish = route.finish?.(services)
  app.openapi(contract, async (c) => {
    const run = () => respond(handler, c)
    const answer = await (route.idempotent === undefined
      ? run()
      : answerOnce(services, c, { store: route.idempotent, run }))
    return finish === undefined ? answer : finish(c, answer)
  })
}

function requireScope(
  authenticate: Authenticate,
  scope: Scope,
  orScope: Scope | undefined,
): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    c.set("identity", await authenticate(c.req.header("authorization"), scope, orScope))
    await next()
  }
}

/** What every route of a kind has in common in the OpenAPI document. */
function documentation({
  scope,
  orScope,
  contract,
}: ApiRoute): Pick<RouteConfig, "responses" | "security" | "description"> {
  if (scope === "public") return { responses: contract.responses, security: [] }
  const general =
    contract.request?.body === undefined
      ? problemsOf(401, 403, 500, 503)
      : problemsOf(400, 401, 403, 413, 415, 500, 503)
  const scopeLine = `Scope: \`${scope}\`${orScope === undefined ? "" : ` or \`${orScope}\``}.`
  return {
    responses: { ...general, ...contract.responses },
    security: [{ api_key: [] }],
    description: [contract.description, scopeLine].filter(Boolean).join("\n\n"),
  }
}

async function respond(handler: Handler<ApiEnv>, c: Context<ApiEnv>): Promise<Response> {
  const answer = await handler(c, noNext)
  // A handler of this table always answers; only middleware may not.
  return answer as Response
}

async function noNext(): Promise<void> {}
