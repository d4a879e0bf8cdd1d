import { connect } from "node:net"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createApp } from "../../src/api/app.ts"
import { startApi, type ApiServer } from "../../src/api/main.ts"
import type { ApiRoute } from "../../src/api/route.ts"
import { ROUTES } from "../../src/api/routes/table.ts"
import { createPool } from "../../src/store/pool.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig
let server: ApiServer
let key: string

beforeAll(async () => {
  rig = await startApiRig({ auth: "keys", connections: [{ name: "shop", kind: "http" }] })
  server = await startApi({ app: rig.app, host: "127.0.0.1", port: 0, auth: { mode: "keys" } })
  key = await rig.key()
})
afterAll(async () => {
  await server.stop()
  await rig.stop()
})

describe("startApi()", () => {
  test.each(["0.0.0.0", "::", "192.168.1.2", "example.com", "0177.0.0.1", ""])(
    "does not listen on %j without authentication",
    async (host) => {
      await expect(startApi({ app: rig.app, host, port: 0, auth: { mode: "off" } })).rejects.toThrow(
        "without authentication",
      )
    },
  )

  test.each(["127.0.0.1", "::1", "localhost"])("listens on %s without authentication", async (host) => {
    const local = await startApi({ app: rig.app, host, port: 0, auth: { mode: "off" } })
    try {
      expect((await fetch(`${local.url}/livez`)).status).toBe(200)
    } finally {
      await local.stop()
    }
  })

  test("listens anywhere with keys, and not on a port that is taken", async () => {
    const anywhere = await startApi({ app: rig.app, host: "0.0.0.0", port: 0, auth: { mode: "keys" } })
    await anywhere.stop()
    await expect(
      startApi({ app: rig.app, host: "127.0.0.1", port: server.port, auth: { mode: "keys" } }),
    ).rejects.toThrow("EADDRINUSE")
  })

  test("finishes what is at work before it stops", async () => {
    const slow = createApp({
      ...rig.dependencies,
      readiness: async () => {
        stopping = brief.stop()
        await new Promise((resolve) => setImmediate(resolve))
        return {}
      },
    })
    const brief = await startApi({ app: slow, host: "127.0.0.1", port: 0, auth: { mode: "keys" } })
    let stopping: Promise<void> | undefined
    expect((await fetch(`${brief.url}/readyz`)).status).toBe(200)
    await stopping
    await expect(fetch(`${brief.url}/livez`)).rejects.toThrow("fetch failed")
  })
})

describe("GET /metrics", () => {
  test("gives the figures of this process in Prometheus' format, also while Postgres is away", async () => {
    const pool = createPool({ url: "postgres://nobody@127.0.0.1:9/none" })
    const answer = await createApp({ ...rig.dependencies, pool }).request("/metrics")
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8")
    expect((await answer.text()).match(/^[^#].*$/gm)).toEqual([
      "holdfast_mirror_lag_seconds 1.5",
      "holdfast_mirror_queue_rows 3",
      "holdfast_mirror_connected 1",
      "holdfast_mirror_written_rows_total 20",
      "holdfast_mirror_dropped_rows_total 1",
      "holdfast_mirror_refused_rows_total 2",
    ])
    await pool.end()
  })
})

describe("POST /api/v1/transactions/{id}/decisions", () => {
  test("force_close needs a scope of its own", async () => {
    const key = await rig.key({ scopes: ["transactions:write"] })
    const body = { action: "force_close", reason: "r", evidence: "e" }
    const answer = await rig.call("POST", "/api/v1/transactions/nowhere/decisions", { key, body })
    expect(answer.status).toBe(403)
    expect(answer.json.detail).toContain("transactions:force")
    const forcing = await rig.key({ scopes: ["transactions:write", "transactions:force"] })
    const passed = await rig.call("POST", "/api/v1/transactions/nowhere/decisions", { key: forcing, body })
    expect(passed.status).toBe(404)
  })
})

describe("GET /api/v1/stats/metrics", () => {
  test("counts what is open, and says 0 of what is not there", async () => {
    const key = await rig.key({ tenant: "metered", scopes: ["transactions:read"] })
    const figures = async () => {
      const { text } = await rig.call("GET", "/api/v1/stats/metrics", { key })
      return Object.fromEntries(
        [...text.matchAll(/^(holdfast_\w+)\{tenant="metered"(?:,\w+="(\w+)")?\} (\d+)$/gm)].map(
          ([, name, label, value]) => [[name, label].filter(Boolean).join(" "), Number(value)],
        ),
      )
    }
    const none = await figures()
    expect(new Set(Object.values(none))).toEqual(new Set([0]))
    await rig.pool.query(
      `insert into txn (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params,
                        request_hash, actor, status, dispatched_at, confirmed_at)
       select 'metered', 'm' || n, 'metered/m' || n, 'f', 'f', 1, 'h', '{}', 'r', 'ann', status, dispatched, confirmed
       from (values (1, 'pending', null, null), (2, 'blocked', now(), null), (3, 'blocked', now(), null),
                    (4, 'success', now(), null), (5, 'failed', now(), now())) as t (n, status, dispatched, confirmed)`,
    )
    await rig.pool.query(
      `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
                              outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at,
                              resets, chain, seq)
       select 'metered', 'm2', 'a', 'do', n, 'rejected', 'error', state, 'X', 'no', 'rejected', 1, false, '', '{}', now(),
              0, 0, 1
       from (values (1, 'open'), (2, 'reopened'), (3, 'resolved')) as t (n, state)`,
    )
    expect(await figures()).toEqual({
      ...none,
      "holdfast_open_transactions pending": 1,
      "holdfast_open_transactions blocked": 2,
      "holdfast_open_exceptions rejected": 2,
      holdfast_dispatch_backlog: 1,
    })
  })
})

describe("createApp()", () => {
  test("does not start with a route without a scope", () => {
    const bare = ROUTES.map((route) => (route.id === "list-flows" ? { ...route, scope: undefined } : route))
    expect(() => createApp(rig.dependencies, bare as unknown as ApiRoute[])).toThrow(
      "get /api/v1/flows declares no scope",
    )
    const opened = ROUTES.map((route) =>
      route.id === "list-flows" ? { ...route, scope: "public" as const } : route,
    )
    expect(() => createApp(rig.dependencies, opened)).toThrow("is public and not listed as such")
  })

  test("answers at no path that is not in the table", () => {
    const paths = new Set(ROUTES.map(({ contract }) => contract.path.replaceAll(/\{(\w+)\}/g, ":$1")))
    const mounted = rig.app.routes.map(({ path }) => path).filter((path) => path !== "/*")
    expect(mounted.filter((path) => !paths.has(path))).toEqual([])
  })

  test.each(
    ROUTES.map(
      ({ contract, scope, id }) => [contract.path, contract.method.toUpperCase(), scope, id] as const,
    ),
  )("%s (%s) declares what it needs in the OpenAPI document", async (path, method, scope, id) => {
    const document = (await rig.call("GET", "/openapi.json")).json
    const operation = document.paths[path][method.toLowerCase()]
    expect(operation.operationId).toBe(id)
    if (scope === "public") expect(operation.security).toEqual([])
    else {
      expect(operation.security).toEqual([{ api_key: [] }])
      expect(operation.description).toContain(scope)
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["401", "403", "500", "503"]))
    }
  })
})

describe("the OpenAPI document", () => {
  test("asks for no more than the routes do", async () => {
    const { components } = (await rig.call("GET", "/openapi.json")).json
    expect(components.schemas.Decision.required).toEqual(["action", "reason"])
    expect(components.schemas.StartTransaction.required).toEqual(["instance_id", "flow_id"])
    expect(components.schemas.PublishFlow.required).toBeUndefined()
    expect(components.securitySchemes.api_key).toMatchObject({ type: "http", scheme: "bearer" })
  })
})

describe("health", () => {
  test("answers as S1 and S2 ask", async () => {
    for (const path of ["/health", "/healthz", "/livez"]) {
      expect((await rig.call("GET", path)).json).toEqual({
        code: 0,
        message: "success",
        data: { status: "ok" },
        status: "ok",
      })
    }
    expect((await rig.call("GET", "/readyz")).json).toEqual({
      ready: true,
      checks: { postgres: true, temporal: true },
    })
    expect((await rig.call("GET", "/version")).data).toEqual({ name: "holdfast", version: "0.0.0-test" })
  })

  test("is not ready while a part of the process is not", async () => {
    const app = createApp({ ...rig.dependencies, readiness: () => Promise.resolve({ worker: false }) })
    const answer = await app.request("/readyz")
    expect(answer.status).toBe(503)
    expect(await answer.json()).toEqual({
      ready: false,
      checks: { postgres: true, temporal: true, worker: false },
    })
  })
})

describe("every answer", () => {
  test("carries the request's id and secure headers", async () => {
    for (const path of ["/health", "/nowhere", "/api/v1/flows"]) {
      const named = await rig.call("GET", path, { headers: { "x-request-id": "abc-123" } })
      expect(named.headers.get("x-request-id")).toBe("abc-123")
      expect(named.headers.get("x-content-type-options")).toBe("nosniff")
      expect(named.headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'")
      expect(named.headers.get("access-control-allow-origin")).toBeNull()
      const forged = await rig.call("GET", path, { headers: { "x-request-id": "a b<script>" } })
      expect(forged.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  test("is logged once, without what callers name their things", async () => {
    await rig.call("GET", "/api/v1/transactions/secret-name?fresh=false", {
      key,
      headers: { "x-request-id": "logged" },
    })
    const lines = rig.logs.filter(({ fields }) => fields["request_id"] === "logged")
    expect(lines).toMatchObject([
      {
        level: "info",
        fields: {
          method: "GET",
          route: "/api/v1/transactions/:id",
          status: 404,
          tenant: "default",
          actor: "tester",
        },
      },
    ])
    expect(JSON.stringify(lines)).not.toContain("secret-name")
  })

  test("to an unknown route is a 404 in the envelope", async () => {
    for (const [method, path] of [
      ["GET", "/nowhere"],
      ["GET", "/api/v1/stats/nothing"],
      ["PATCH", "/api/v1/flows"],
      ["DELETE", "/api/v1/transactions/x"],
    ] as const) {
      const answer = await rig.call(method, path)
      expect(answer.json).toMatchObject({ code: 404, data: null, error: "route_not_found" })
      expect(answer.headers.get("content-type")).toBe("application/problem+json")
    }
  })
})

describe("a protected route", () => {
  const MUTATIONS: ((path: string) => string)[] = [
    (path) => `${path}/configs`,
    (path) => `${path}/openapi.json`,
    (path) => `${path}/../health`.replace("/../health", "/..;/health"),
    (path) => `/${path}`,
    (path) => path.replace("/api/", "//api//"),
    (path) => path.replace("/api/", "/./api/"),
    (path) => path.replace("/api/", "/docs/../api/"),
    (path) => path.replace("/api/", "/health/../api/"),
    (path) => path.replace("/api/", "/docs/%2e%2e/api/"),
    (path) => path.replace("/api/", "/docs%2f..%2fapi/"),
    (path) => path.replace("/v1/", "%2fv1/"),
    (path) => path.replace("/v1/", "/v1%2f"),
    (path) => `${path};/health`,
    (path) => `${path};x=1`,
    (path) => `${path}.json`,
    (path) => `${path}.`,
    (path) => `${path}/`,
    (path) => `${path}//`,
    (path) => `${path}%00`,
    (path) => `${path}%20`,
    (path) => `${path}?/health`,
    (path) => `${path}#/health`,
    (path) => `${path}%3f/health`,
    (path) => path.toUpperCase(),
    (path) => path.replace("/api", "/API"),
    (path) => path.replace("/api", "/%61pi"),
    (path) => path.replace("/api", "/health/api"),
    (path) => path.replace("/v1", "\\v1"),
    (path) => `http://127.0.0.1/health@${path}`,
  ]

  test("answers no spelling of its path without a key", async () => {
    const guarded = ROUTES.filter(({ scope }) => scope !== "public")
    const requests = guarded.flatMap(({ contract }) => {
      const path = contract.path.replaceAll(/\{\w+\}/g, "x")
      return MUTATIONS.map((mutate) => `${contract.method.toUpperCase()} ${mutate(path)}`)
    })
    expect(requests.length).toBeGreaterThan(25 * guarded.length)
    for (const line of requests) {
      const status = await rawRequest(line)
      expect([400, 401, 404], line).toContain(status)
    }
  })
})

describe("a browser", () => {
  test("cannot change anything for a page of another site", async () => {
    const headers = { "sec-fetch-site": "cross-site" }
    const answer = await rig.call("POST", "/api/v1/transactions/x/cancel", { key, headers })
    expect(answer.json).toMatchObject({ status: 403, error: "cross_site" })
    expect(
      (
        await rig.call("POST", "/api/v1/transactions/x/cancel", {
          key,
          headers: { "sec-fetch-site": "same-origin" },
        })
      ).status,
    ).toBe(404)
    expect((await rig.call("GET", "/api/v1/flows", { key, headers })).status).toBe(200)
  })

  test("gets no answer under a name that is not this machine's, while keys are off", async () => {
    const app = createApp({ ...rig.dependencies, auth: { mode: "off" } })
    expect((await app.request("http://evil.example:8080/api/v1/flows")).status).toBe(403)
    for (const host of ["localhost:1", "127.0.0.1:8080", "[::1]:8080", "holdfast.localhost"]) {
      expect((await app.request(`http://${host}/api/v1/flows`)).status, host).toBe(200)
    }
  })
})

describe("the docs page", () => {
  test("brings all it needs", async () => {
    const page = await rig.call("GET", "/docs")
    expect(page.headers.get("content-type")).toMatch(/^text\/html/)
    expect(page.headers.get("content-security-policy")).toMatch(/script-src 'self'; .*connect-src 'self'/)
    expect(page.text).not.toMatch(/https?:\/\//)
    const script = await rig.call("GET", "/docs/scalar.js")
    expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8")
    expect(script.text).toContain("@scalar/api-reference")
  })
})

describe("an error", () => {
  const LEAKS =
    /node_modules|\.ts:\d|\bat [A-Z]\w+\.|select |insert |relation |127\.0\.0\.1|ECONN|postgres|zod/i

  test("of ours says nothing of the inside", async () => {
    const broken = createPool({ url: "postgres://nobody:pw@127.0.0.1:1/none" })
    const throwing = new Proxy(rig.pool, {
      get: (target, name) => {
        if (name === "query")
          return () => Promise.reject(new Error('relation "txn" does not exist at postgres:5432'))
        return Reflect.get(target, name) as unknown
      },
    })
    try {
      for (const [pool, status, word] of [
        [throwing, 500, "internal"],
        [broken, 503, "database_unavailable"],
      ] as const) {
        const app = createApp({ ...rig.dependencies, pool, auth: { mode: "off" } })
        for (const path of [
          "/api/v1/flows",
          "/api/v1/transactions/x",
          "/api/v1/exceptions/1",
          "/api/v1/keys",
        ]) {
          const answer = await app.request(path)
          const text = await answer.text()
          expect(answer.status).toBe(status)
          expect(JSON.parse(text)).toMatchObject({ code: status, error: word, data: null })
          expect(text).not.toMatch(LEAKS)
          expect(answer.headers.get("retry-after")).toBe(status === 503 ? "2" : null)
        }
        const start = await app.request("/api/v1/transactions", {
          method: "POST",
          headers: { "content-type": "application/json", "idempotency-key": "k" },
          body: JSON.stringify({ instance_id: "x", flow_id: "y" }),
        })
        expect(start.status).toBe(status)
      }
      expect((await createApp({ ...rig.dependencies, pool: broken }).request("/readyz")).status).toBe(503)
    } finally {
      await broken.end()
    }
  })

  test("of the caller's does not either", async () => {
    const texts = [
      "'",
      '"; drop table txn; --',
      "${7*7}",
      "../../etc/passwd",
      "%s%n",
      "<script>",
      "\u0000",
      "x".repeat(5_000),
      "💥",
    ]
    for (const text of texts) {
      const encoded = encodeURIComponent(text)
      const answers = await Promise.all([
        rig.call("GET", `/api/v1/flows/${encoded}`, { key }),
        rig.call("GET", `/api/v1/transactions/${encoded}`, { key }),
        rig.call("GET", `/api/v1/transactions/x/tasks/${encoded}/attempts`, { key }),
        rig.call("GET", `/api/v1/exceptions/${encoded}`, { key }),
        rig.call("GET", `/api/v1/transactions?business_key=${encoded}&flow_id=${encoded}`, { key }),
        rig.call("GET", `/api/v1/flows?cursor=${encoded}`, { key }),
        rig.call("POST", "/api/v1/transactions", {
          body: { instance_id: text, flow_id: text, params: text },
          key,
        }),
        rig.call("POST", "/api/v1/flows", {
          body: { name: text, definition: text, flow_type: text, create_user: text },
          key,
        }),
        rig.call("POST", "/api/v1/flows", { body: { tasks: text, description: text }, key }),
        rig.call("POST", `/api/v1/transactions/${encoded}/decisions`, {
          body: { action: text, reason: text, task: text },
          key,
        }),
        rig.call("POST", "/api/v1/exceptions/1/handle", { body: { remark: text }, key }),
        rig.call("POST", "/api/v1/keys", { body: { name: text, scopes: [text] }, key }),
        rig.call("DELETE", `/api/v1/keys/${encoded}`, { key }),
      ])
      for (const { status, text: body } of answers) {
        expect(status, body).toBeLessThan(500)
        if (status >= 400) expect(body.replaceAll(text, "")).not.toMatch(LEAKS)
      }
    }
  })
})

/** Sends a request line as it is: no client in between that would tidy the path. */
function rawRequest(line: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1", () => {
      socket.write(`${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
    })
    let text = ""
    socket.setEncoding("utf8")
    socket.on("data", (chunk: string) => (text += chunk))
    socket.on("error", reject)
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])))
  })
}
