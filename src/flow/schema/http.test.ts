import { describe, expect, test } from "vitest"
import { parseTemplate } from "../parse-template.ts"
import { compileOne, flow, http, problemsOf, validate } from "../definitions.testsuite.ts"

const problems = (config: Record<string, unknown>) =>
  problemsOf(flow([http("ship", config)])).map((problem) => problem.replace("/tasks/0/config", ""))

describe("http config", () => {
  test("writes out its defaults", () => {
    const { config } = compileOne(http("ship", { connection: "shipping", url: "/parcels" }))
    expect(config).toEqual([
      "'",
      { connection: "shipping", url: "/parcels", method: "POST", success: ["2xx"], reject: [] },
    ])
  })

  test("keeps what the author wrote, and reads the method in any case", () => {
    const config = {
      url: "https://a.example/x",
      method: "put",
      headers: { "x-a": "b", n: 1 },
      query: { q: [1, "a"] },
      success: [201, "3xx"],
      reject: [404],
      body: "text",
    }
    expect(compileOne(http("ship", config)).config).toEqual(["'", { ...config, method: "PUT" }])
  })

  test("lets the author derive the key from what the transaction brings", () => {
    for (const key of ["${ params.id }", "order-${ transaction.id }", "${ input.body }"])
      expect(problems({ url: "http://a.example", headers: { "Idempotency-Key": key } }), key).toEqual([])
  })

  test("sends the task's input only where input.body can be the body", () => {
    expect(compileOne(http("a", { url: "http://a.example" })).sends_input).toBe(true)
    expect(compileOne(http("a", { url: "http://a.example", body: null })).sends_input).toBe(false)
    expect(compileOne(http("a", { url: "http://a.example", method: "GET" })).sends_input).toBe(false)
  })

  test("moves fail_when out of the config", () => {
    const { config, fail_when, sends_input } = compileOne(
      http("a", { url: "http://a.example", body: 1, fail_when: "${ output.ok == false && input.strict }" }),
    )
    expect(config).toEqual([
      "'",
      { url: "http://a.example", body: 1, method: "POST", success: ["2xx"], reject: [] },
    ])
    expect(fail_when).toEqual(parseTemplate("${ output.ok == false && input.strict }"))
    expect(sends_input).toBe(true)
  })

  test("moves poll out of the config, with its defaults and its expressions compiled", () => {
    expect(compileOne(http("a", { url: "http://a.example", body: 1, poll: {} })).poll).toEqual({
      interval_ms: 2_000,
    })
    const written = { url: "/jobs/${ output.id }", interval: "500ms", timeout: "1h" }
    const done_when = "${ status == 200 && output.state == 'done' }"
    const { config, poll, sends_input } = compileOne(
      http("a", { url: "http://a.example", body: 1, poll: { ...written, done_when } }),
    )
    expect(poll).toEqual({
      url: parseTemplate(written.url),
      url_is: "path",
      interval_ms: 500,
      timeout_ms: 3_600_000,
      done_when: parseTemplate(done_when),
    })
    expect(JSON.stringify(config)).not.toContain("interval")
    expect(sends_input).toBe(false)
  })

  test("takes the target's own address from its answer, and the input into account", () => {
    const poll = { url: "${ output.href }", fail_when: "${ output.id != input.id }" }
    const task = compileOne(http("a", { url: "http://a.example", body: 1, poll }))
    expect(task.poll).toMatchObject({ url_is: "reference" })
    expect(task.sends_input).toBe(true)
  })

  test.each(["GET", "HEAD"])("%s only reads, and has no body", (method) => {
    expect(compileOne(http("a", { url: "http://a.example", method })).effect).toBe("read")
    expect(problems({ url: "http://a.example", method, body: 1 })).toEqual(["body_not_sent /body"])
  })

  test.each([
    [{}, "required /url"],
    [{ url: "" }, "out_of_range /url"],
    [{ url: 5 }, "wrong_type /url"],
    [{ url: "http://a.example", metod: "GET" }, "unknown_field /metod"],
    [{ url: "http://a.example", method: "FETCH" }, "invalid_value /method"],
    [{ url: "http://a.example", method: "${ params.m }" }, "constant_required /method"],
    [{ url: "http://a.example", success: [] }, "out_of_range /success"],
    [{ url: "http://a.example", success: ["200"] }, "invalid_value /success/0"],
    [{ url: "http://a.example", reject: [99] }, "out_of_range /reject/0"],
    [{ url: "http://a.example", headers: { "a b": "x" } }, "invalid_value /headers/a b"],
    [{ url: "http://a.example", headers: { a: "x\r\ny: z" } }, "invalid_value /headers/a"],
    [
      { url: "http://a.example", headers: { "idempotency-key": "k" } },
      "constant_key /headers/idempotency-key",
    ],
    [{ url: "http://a.example", headers: { "Idempotency-Key": 7 } }, "constant_key /headers/Idempotency-Key"],
    [
      { url: "http://a.example", headers: { "idempotency-key": "a-${ 'b' + 'c' }" } },
      "constant_key /headers/idempotency-key",
    ],
    [{ url: "http://a.example", query: { a: {} } }, "invalid_value /query/a"],
    [{ url: "http://a.example", fail_when: "output.ok" }, "expression_required /fail_when"],
    [{ url: "http://a.example", fail_when: "${ output.a } ${ output.b }" }, "expression_required /fail_when"],
    [{ url: "http://a.example", poll: 5 }, "wrong_type /poll"],
    [{ url: "http://a.example", poll: { every: "2s" } }, "unknown_field /poll/every"],
    [{ url: "http://a.example", poll: { interval: "99ms" } }, "out_of_range /poll/interval"],
    [{ url: "http://a.example", poll: { interval: "soon" } }, "invalid_duration /poll/interval"],
    [{ url: "http://a.example", poll: { timeout: 0 } }, "invalid_duration /poll/timeout"],
    [{ url: "http://a.example", poll: { done_when: "output.ok" } }, "expression_required /poll/done_when"],
    [{ url: "http://a.example", poll: { fail_when: "${ output. }" } }, "expression_syntax /poll/fail_when"],
    [
      { url: "http://a.example", poll: { done_when: "${ params.ok }" } },
      "not_available_here /poll/done_when",
    ],
    [{ url: "http://a.example", poll: { url: "http://b.example/" } }, "url_not_a_path /poll/url"],
    [{ url: "http://a.example", poll: { url: "//b.example/" } }, "url_not_a_path /poll/url"],
    [{ url: "http://a.example", poll: { url: "/a b" } }, "url_not_a_path /poll/url"],
    [{ url: "http://a.example", poll: { url: "${ output.host }/x" } }, "url_not_a_path /poll/url"],
    [{ url: "http://a.example/a b" }, "url_invalid /url"],
    [{ url: "http://a.example/#${ params.x }" }, "url_invalid /url"],
    [{ url: "http://a\n.example/" }, "url_invalid /url"],
    [{ url: "/parcels" }, "connection_required /connection"],
    [{ url: "${ params.url }" }, "host_not_constant /url"],
    [{ url: "http://${ params.host }/" }, "host_not_constant /url"],
    [{ url: "http://a:b@c.example/" }, "url_credentials /url"],
    [{ url: "/parcels", connection: "shippng" }, "unknown_connection /connection"],
    [{ url: "/parcels", connection: "events" }, "connection_kind /connection"],
    [{ url: "/parcels", connection: "${ params.c }" }, "constant_required /connection"],
    [{ url: "http://a.example", connection: "shipping" }, "url_not_a_path /url"],
    [{ url: "//evil.example/x", connection: "shipping" }, "url_not_a_path /url"],
    [{ url: "/\\evil.example/x", connection: "shipping" }, "url_invalid /url"],
    [{ url: "parcels", connection: "shipping" }, "url_not_a_path /url"],
    [{ url: "${ input.path }", connection: "shipping" }, "url_not_a_path /url"],
  ])("%j: %s", (config, problem) => {
    expect(problems(config)).toContain(problem)
  })

  test("takes an expression after the host, or in the path of a connection", () => {
    expect(problems({ url: "http://a.example/${ params.id }" })).toEqual([])
    expect(problems({ url: "/${ params.id }", connection: "shipping" })).toEqual([])
  })

  test("takes the default connection for a path, none for an address", () => {
    const connections = [{ name: "web", kind: "http", default: true } as const]
    const written = (url: string) =>
      validate(flow([http("a", { url, body: 1 })]), connections).plan?.tasks[0]?.config
    expect(written("/x")).toMatchObject(["'", { connection: "web" }])
    expect(written("http://a.example/x")).not.toMatchObject(["'", { connection: "web" }])
  })
})
