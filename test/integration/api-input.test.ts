import { randomUUID } from "node:crypto"
import { type IncomingMessage, request } from "node:http"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ApiServer, startApi } from "../../src/api/main.ts"
import { MAX_BODY_BYTES } from "../../src/api/read-body.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"

let rig: ApiRig
let server: ApiServer

beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  server = await startApi({ app: rig.app, host: "127.0.0.1", port: 0, auth: { mode: "off" } })
  // Without an input it would get all params, of which there may be more than fit.
  const tasks = [{ id: "a", task_name: "http", config: { url: "/x", connection: "shop" }, input: {} }]
  await rig.call("POST", "/api/v1/flows", { body: { name: "any", tasks } })
})
afterAll(async () => {
  await server.stop()
  await rig.stop()
})

/** A start whose params are this JSON text. */
function start(params: string) {
  const raw = `{"instance_id": "${randomUUID()}", "flow_id": "any", "params": ${params}}`
  return rig.call("POST", "/api/v1/transactions", { raw })
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`

describe("a JSON body", () => {
  test.each([
    ["nested 32 deep", nested(31)],
    ["with 60,000 keys", `{${Array.from({ length: 59_997 }, (_, index) => `"k${index}":1`).join(",")}}`],
    [
      "with the largest exact integer",
      '{"n": 9007199254740991, "m": -9007199254740991, "d": 12345678901234567.5e3}',
    ],
    ["with keys that only look alike", '{"a": {"a": 1}, "A": 2, "constructors": 3, "\\u0061a": 4}'],
    [
      "with text that looks like JSON",
      '{"a": "{\\"b\\": 1, \\"b\\": [[[", "c": "\\\\", "d": "x\\"__proto__\\":"}',
    ],
  ])("%s is accepted", async (_name, params) => {
    const answer = await start(params)
    expect(answer.status, answer.text.slice(0, 500)).toBe(201)
    const read = await rig.call("GET", answer.headers.get("location") ?? "")
    expect(read.data.params).toEqual(JSON.parse(params))
  })

  test.each([
    ["nested 33 deep", nested(32), "too_deep"],
    ["nested 5,000 deep", nested(5_000), "too_deep"],
    ["nested half a million deep", `${"[".repeat(500_000)}${"]".repeat(500_000)}`, "too_deep"],
    [
      "with 60,001 keys",
      `{${Array.from({ length: 59_998 }, (_, index) => `"k${index}":1`).join(",")}}`,
      "too_many_keys",
    ],
    ["with a key twice", '{"a": {"b": 1, "c": [{"d": 1, "d": 2}]}}', "duplicate_key"],
    ["with a key twice, once escaped", '{"amount": 1, "am\\u006funt": 2}', "duplicate_key"],
    ["with __proto__", '{"a": [{"__proto__": {"polluted": true}}]}', "forbidden_key"],
    ["with __proto__ escaped", '{"a": {"\\u005f_proto__": {"polluted": true}}}', "forbidden_key"],
    ["with constructor", '{"constructor": {"prototype": {"polluted": true}}}', "forbidden_key"],
    ["with prototype", '{"prototype": 1}', "forbidden_key"],
    ["with an integer no double holds", '{"n": 12345678901234567890}', "number_not_exact"],
    ["with a number beyond doubles", '{"n": 1e99999999999999}', "number_out_of_range"],
    ["with half of a surrogate pair", '{"name": "a\\ud83d"}', "text_not_unicode"],
  ])("%s is refused", async (_name, params, code) => {
    const answer = await start(params)
    expect(answer.json).toMatchObject({ status: 400, error: "malformed_json", errors: [{ code }] })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test("says where a key is", async () => {
    const answer = await start('{"list": [0, {"a/b": {"x~y": 1, "x~y": 2}}]}')
    expect(answer.json.errors).toMatchObject([{ pointer: "/params/list/1/a~1b/x~0y" }])
  })

  test.each([
    ["cut off", '{"instance_id": '],
    ["with a trailing comma", '{"instance_id": "x",}'],
    ["that is empty", " "],
    ["that is no UTF-8", new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
  ])("%s is refused", async (_name, raw) => {
    const answer = await rig.call("POST", "/api/v1/transactions", { raw })
    expect(answer.json).toMatchObject({ status: 400, error: "malformed_json" })
  })

  test.each(["[]", "1", '"text"', "null"])("that is %s is refused", async (raw) => {
    expect((await rig.call("POST", "/api/v1/transactions", { raw })).json).toMatchObject({
      status: 400,
      error: "request_invalid",
      detail: expect.stringMatching(/^the body: .*expected object/),
    })
  })

  test("that is missing is refused", async () => {
    expect((await rig.call("POST", "/api/v1/transactions")).status).toBe(400)
  })

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/vnd.api+json",
    "application/json; charset=latin1",
    "application/json, text/plain",
    "",
  ])("of type %j is refused", async (contentType) => {
    const raw = '{"instance_id": "typed", "flow_id": "any"}'
    const answer = await rig.call("POST", "/api/v1/transactions", {
      raw,
      headers: { "content-type": contentType },
    })
    expect(answer.json).toMatchObject({ status: 415, error: "unsupported_media_type" })
    expect((await rig.call("GET", "/api/v1/transactions/typed")).status).toBe(404)
  })

  test("takes the type with a charset", async () => {
    const raw = `{"instance_id": "${randomUUID()}", "flow_id": "any"}`
    for (const contentType of ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']) {
      const answer = await rig.call("POST", "/api/v1/transactions", {
        raw,
        headers: { "content-type": contentType },
      })
      expect(answer.status).toBeLessThan(300)
    }
  })

  test("that is compressed is refused", async () => {
    const answer = await rig.call("POST", "/api/v1/transactions", {
      raw: "x",
      headers: { "content-encoding": "gzip" },
    })
    expect(answer.status).toBe(415)
  })

  test("has at most 1 MiB", async () => {
    const frame = `{"instance_id": "${randomUUID()}", "flow_id": "any", "params": {"pad": ""}}`
    const raw = frame.replace('""', `"${"x".repeat(MAX_BODY_BYTES - frame.length)}"`)
    expect((await rig.call("POST", "/api/v1/transactions", { raw })).status).toBe(201)
    const over = await rig.call("POST", "/api/v1/transactions", { raw: `${raw} ` })
    expect(over.json).toMatchObject({ status: 413, error: "body_too_large" })
  })
})

describe("over a socket", () => {
  test("a body without a length is cut at 1 MiB, not read to its end", async () => {
    const { status, sent } = await pour({ "transfer-encoding": "chunked" }, 200 * MAX_BODY_BYTES)
    expect(status).toBe(413)
    expect(sent).toBeLessThan(50 * MAX_BODY_BYTES)
  })

  test("a body is refused for the length it announces", async () => {
    const { status, sent } = await pour({ "content-length": String(MAX_BODY_BYTES + 1) }, 0)
    expect(status).toBe(413)
    expect(sent).toBe(0)
  })

  test("a body that ends before its length changes nothing", async () => {
    const instanceId = randomUUID()
    const text = JSON.stringify({ instance_id: instanceId, flow_id: "any" })
    await new Promise<void>((resolve) => {
      const call = request(`${server.url}/api/v1/transactions`, {
        method: "POST",
        headers: { "content-type": "application/json", "content-length": String(text.length + 10) },
      })
      call.on("error", () => resolve())
      call.on("response", (response) => response.resume().on("close", resolve))
      call.write(text, () => call.destroy())
      call.on("close", resolve)
    })
    expect((await rig.call("GET", `/api/v1/transactions/${instanceId}`)).status).toBe(404)
  })

  test("the server goes on answering after all of it", async () => {
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  })
})

/** Sends JSON text until the server answers or `bytes` are out. */
function pour(headers: Record<string, string>, bytes: number): Promise<{ status: number; sent: number }> {
  const chunk = Buffer.alloc(64 * 1024, 0x20)
  return new Promise((resolve, reject) => {
    let sent = 0
    let answered: IncomingMessage | undefined
    const call = request(`${server.url}/api/v1/transactions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
    })
    call.on("response", (response) => {
      answered = response
      response.resume()
      call.destroy()
      resolve({ status: response.statusCode ?? 0, sent })
    })
    call.on("error", (error) => {
      if (answered === undefined) reject(error)
    })
    const write = (): void => {
      if (answered !== undefined || sent >= bytes) return
      sent += chunk.length
      call.write(chunk, (error) => {
        if (error === undefined || error === null) setImmediate(write)
      })
    }
    call.flushHeaders()
    write()
  })
}
