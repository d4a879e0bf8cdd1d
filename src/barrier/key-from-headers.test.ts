import { describe, expect, test } from "vitest"
import { BarrierError } from "./barrier-error.ts"
import { barrierKeyFromHeaders, type HeaderSource } from "./key-from-headers.ts"

const HEADERS = {
  "x-holdfast-tenant": "acme",
  "x-holdfast-transaction": "%E8%AE%A2%E5%8D%95 7%25",
  "x-holdfast-task": "m[2].pay",
  "x-holdfast-operation": "undo",
  "x-holdfast-generation": "2",
  "x-holdfast-fingerprint": "f00d",
}
const CALL = {
  tenant: "acme",
  transaction: "订单 7%",
  task: "m[2].pay",
  operation: "undo",
  generation: 2,
  fingerprint: "f00d",
}

const event = (transaction: string, prefix = "") => ({
  [`${prefix}source`]: "/holdfast/acme",
  [`${prefix}holdfasttransaction`]: transaction,
  [`${prefix}holdfasttask`]: "m[2].pay",
  [`${prefix}holdfastoperation`]: "undo",
  [`${prefix}holdfastgeneration`]: 2,
  [`${prefix}holdfastfingerprint`]: "f00d",
})

/** As NATS has them: names by their case, "" for what is missing. */
function natsHeaders(values: Record<string, string>) {
  return { get: (name: string) => values[name] ?? "" }
}

describe("barrierKeyFromHeaders()", () => {
  test.each<[string, HeaderSource]>([
    ["Node's headers", HEADERS],
    [
      "headers in capitals",
      Object.fromEntries(Object.entries(HEADERS).map(([k, v]) => [k.toUpperCase(), v])),
    ],
    ["fetch's headers", new Headers(HEADERS)],
    ["gRPC metadata", { get: (name: string) => [Reflect.get(HEADERS, name)] }],
    ["a RabbitMQ message", event("订单 7%", "ce-")],
    ["an MQTT 5 message", event("订单 7%")],
    [
      "a NATS message",
      natsHeaders({
        ...(event("%E8%AE%A2%E5%8D%95 7%25", "ce-") as Record<string, string>),
        "Nats-Msg-Id": "hf_X",
      }),
    ],
  ])("reads %s", (_name, headers) => {
    expect(barrierKeyFromHeaders(headers)).toEqual(CALL)
  })

  test.each(Object.keys(HEADERS))("names %s when it is missing", (name) => {
    const { [name]: _missing, ...rest } = HEADERS as Record<string, string>
    expect(() => barrierKeyFromHeaders(rest)).toThrow(new RegExp(`^the header ${name} is missing`))
  })

  test.each([
    [{ "x-holdfast-generation": "0" }, "expected a number from 1"],
    [{ "x-holdfast-generation": "1e3" }, "expected a number from 1"],
    [{ "x-holdfast-operation": "probe" }, "expected do or undo"],
    [{ "x-holdfast-transaction": "50%" }, "expected percent-encoded text"],
    [{ "x-holdfast-task": ["a", "b"] }, "came 2 times"],
    [{ "x-holdfast-task": {} }, "expected text"],
  ])("refuses %j", (wrong, message) => {
    const read = () => barrierKeyFromHeaders({ ...HEADERS, ...wrong })
    expect(read).toThrow(BarrierError)
    expect(read).toThrow(message)
  })

  test("refuses an event of somebody else's", () => {
    expect(() => barrierKeyFromHeaders({ ...event("t"), source: "/other" })).toThrow(
      "expected /holdfast/ and a tenant",
    )
  })
})
