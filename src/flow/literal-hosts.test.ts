import { describe, expect, test } from "vitest"
import { compile, db, flow, http, task } from "./definitions.testsuite.ts"
import { literalHostsOf } from "./literal-hosts.ts"

describe("literalHostsOf()", () => {
  test("names the hosts of urls and of services that are no connections", () => {
    const plan = compile(
      flow([
        http("a", { url: "http://127.1/x" }),
        http("b", { url: "https://[::1]:8443/${ params.id }", body: "${ params.x }" }),
        task("c", { config: { service: "10.0.0.1:80", method: "m" } }),
        task("d", { config: { service: "PaymentService", method: "m" }, input: { a: "${ params.x }" } }),
        http("e", { url: "http://a.example" }),
      ]),
    )
    expect(literalHostsOf(plan)).toEqual([
      { pointer: "/tasks/0/config/url", host: "127.0.0.1" },
      { pointer: "/tasks/1/config/url", host: "::1" },
      { pointer: "/tasks/2/config/service", host: "10.0.0.1" },
      { pointer: "/tasks/3/config/service", host: "paymentservice" },
      { pointer: "/tasks/4/config/url", host: "a.example" },
    ])
  })

  test("leaves out what goes to a connection", () => {
    const plan = compile(
      flow([
        http("a", { url: "/${ params.id }", connection: "shipping" }),
        http("b", { url: "/x", connection: "shipping" }),
        task("c"),
        db("d", { sql: "select 1" }),
        { id: "e", task_name: "mq", config: { topic: "a" } },
      ]),
    )
    expect(literalHostsOf(plan)).toEqual([])
  })
})
