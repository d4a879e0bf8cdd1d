import { describe, expect, test } from "vitest"
import { type CallRequest, Misconfigured } from "../../call.ts"
import { createCall } from "../../calls.testsuite.ts"
import { toEvent } from "../event.ts"
import { encodeMqtt, type MqttProtocol } from "./message.ts"

const buildMessage = (call: CallRequest, protocol: MqttProtocol) => encodeMqtt(toEvent(call), protocol)

const callOf = (config: object = {}) =>
  createCall({ config: { topic: "orders/paid", ...config }, input: { order_id: "o1" } })

describe("encodeMqtt()", () => {
  test("is a structured CloudEvent on 3.1.1", () => {
    const call = callOf({ key: 7, headers: { region: "eu" } })
    const { topic, payload, options } = buildMessage(call, "3.1.1")
    expect(topic).toBe("orders/paid")
    expect(options).toEqual({ qos: 1 })
    expect(JSON.parse(payload)).toEqual({
      specversion: "1.0",
      id: call.key,
      source: "/holdfast/acme",
      type: "holdfast.task.do",
      subject: "pay",
      datacontenttype: "application/json",
      traceparent: expect.stringMatching(/^00-/),
      holdfasttransaction: "order-1",
      holdfasttask: "pay",
      holdfastoperation: "do",
      holdfastgeneration: 1,
      holdfastfingerprint: call.fingerprint,
      partitionkey: "7",
      region: "eu",
      data: { order_id: "o1" },
    })
  })

  test("carries the attributes as user properties on 5, and the input as it is", () => {
    const call = callOf({ headers: { "x-region": "eu", id: "not mine" } })
    const { payload, options } = buildMessage(call, "5")
    expect(JSON.parse(payload)).toEqual({ order_id: "o1" })
    expect(options).toMatchObject({
      qos: 1,
      properties: {
        contentType: "application/json",
        correlationData: Buffer.from(call.key),
        userProperties: {
          id: call.key,
          "ce-id": call.key,
          source: "/holdfast/acme",
          holdfastgeneration: "1",
          "x-region": "eu",
        },
      },
    })
  })

  test("is the same for every attempt, the trace's span apart", () => {
    const call = callOf()
    const withoutTrace = (attempt: number) => {
      const { payload } = buildMessage({ ...call, identity: { ...call.identity, attempt } }, "3.1.1")
      return payload.replace(/00-[0-9a-f-]+/, "")
    }
    expect(withoutTrace(2)).toBe(withoutTrace(1))
  })

  test("sends null for no input", () => {
    const { payload } = buildMessage(createCall({ config: { topic: "t" } }), "5")
    expect(payload).toBe("null")
  })

  test.each(["", "a/+/b", "a/#", "a\0b", "x".repeat(70_000), undefined, 7])(
    "refuses a topic like %j",
    (topic) => {
      expect(() => buildMessage(callOf({ topic }), "5")).toThrow(Misconfigured)
    },
  )

  test("refuses headers that cannot travel", () => {
    for (const headers of [{ a: {} }, { a: null }, ["a"], "a", { a: "1\n2" }])
      expect(() => buildMessage(callOf({ headers }), "5"), JSON.stringify(headers)).toThrow(Misconfigured)
    for (const headers of [{ "x-region": "eu" }, { Region: "eu" }, { id: "mine" }, { data: "mine" }])
      expect(() => buildMessage(callOf({ headers }), "3.1.1"), JSON.stringify(headers)).toThrow(/3\.1\.1/)
  })

  test("refuses a header that MQTT 5 has no length for, and says which", () => {
    const [most, more] = ["é".repeat(32_767), "é".repeat(32_768)]
    expect(() => buildMessage(callOf({ headers: { [most]: most } }), "5")).not.toThrow()
    expect(() => buildMessage(callOf({ headers: { region: more } }), "5")).toThrow(
      'the value of the header "region" has 65536 bytes: expected at most 65535',
    )
    expect(() => buildMessage(callOf({ headers: { [more]: "eu" } }), "5")).toThrow("the name of the header")
    const partitioned = () => buildMessage(callOf({ key: more }), "5")
    expect(partitioned).toThrow(/"partitionkey"/)
    expect(partitioned).toThrow(expect.objectContaining({ code: "header_invalid" }))
  })
})
