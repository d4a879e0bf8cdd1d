import { describe, expect, test } from "vitest"
import { CONNECTIONS, db, flow, http, task, validate } from "./definitions.testsuite.ts"

function found(definition: Record<string, unknown>, connections = CONNECTIONS) {
  const { problems, warnings } = validate(flow([definition]), connections)
  return [...problems, ...warnings].map(({ message, fix }) => [message, fix])
}

describe("resolveConnection()", () => {
  test("suggests the connection that was probably meant, of the right kind only", () => {
    expect(found(http("a", { url: "/x", connection: "shiping" }))).toEqual([
      ['there is no connection "shiping"', "did you mean shipping?"],
    ])
    expect(found(db("a", { sql: "select 1", connection: "shiping" }))).toEqual([
      ['there is no connection "shiping"', "known for db are: inventory"],
    ])
  })

  test("says which kind is needed", () => {
    expect(found(db("a", { sql: "select 1", connection: "events" }))).toEqual([
      ['connection "events" is of kind mqtt, a task of kind db needs postgres or mysql', undefined],
    ])
  })

  test("says how to get a default", () => {
    const definition = { id: "a", task_name: "db", config: { sql: "select 1" } }
    const message = "this db task names no connection, and none of kind postgres or mysql is the default"
    expect(found(definition)).toEqual([
      [message, "name one (known are inventory), or mark one with default: true"],
    ])
    expect(found(definition, [])).toEqual([
      [message, "name one (define one of kind postgres or mysql), or mark one with default: true"],
    ])
  })

  test("warns of a service that is probably a misspelled connection", () => {
    expect(found(task("a", { config: { service: "paymnet", method: "a" } }))).toEqual([
      [
        'there is no connection "paymnet": it is taken as the host of an http-rpc service',
        "did you mean payment?",
      ],
    ])
  })
})
