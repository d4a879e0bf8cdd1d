import { createServer } from "node:http"
import type { IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { describe, expect, onTestFinished, test } from "vitest"
import { createClient } from "./client.ts"
import type { HoldfastClient } from "./client.ts"

interface Seen {
  request: string
  authorization: string | undefined
  key: string | string[] | undefined
  body: string
}

/** A server that answers everything the same way and remembers what it was asked. */
async function serve(status: number, answer: string): Promise<{ client: HoldfastClient; seen: Seen[] }> {
  const seen: Seen[] = []
  const remember = async (request: IncomingMessage): Promise<void> => {
    const { method, url, headers } = request
    seen.push({
      request: `${method} ${url}`,
      authorization: headers.authorization,
      key: headers["idempotency-key"],
      body: await text(request),
    })
  }
  const server = createServer((request, response) => {
    void remember(request).then(() => {
      response.statusCode = status
      response.end(answer)
      return undefined
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  return { client: createClient({ baseUrl: `http://127.0.0.1:${port}/`, apiKey: "hf_key" }), seen }
}

describe("createClient()", () => {
  test("unwraps the envelope and sends the key", async () => {
    const { client, seen } = await serve(
      201,
      '{"code": 0, "data": {"instance_id": "a/b", "status": "pending"}}',
    )
    const started = await client.startTransaction({ instance_id: "a/b", flow_id: "order", params: { n: 1 } })
    expect(started.status).toBe("pending")
    expect(seen).toEqual([
      {
        request: "POST /api/v1/transactions",
        authorization: "Bearer hf_key",
        key: undefined,
        body: '{"instance_id":"a/b","flow_id":"order","params":{"n":1}}',
      },
    ])
  })

  test("percent-encodes ids in paths", async () => {
    const { client, seen } = await serve(200, '{"code": 0, "data": {}}')
    await client.getTransaction("a/b?c")
    expect(seen[0]?.request).toBe("GET /api/v1/transactions/a%2Fb%3Fc")
  })

  test("sends a decision under the key that it is given", async () => {
    const { client, seen } = await serve(200, '{"code": 0, "data": {}}')
    const once = { idempotencyKey: "d-1" }
    await client.decide("a", { action: "skip", task: "pay", reason: "r", expected_version: 7 }, once)
    await client.act("a", "cancel", undefined, once)
    await client.retryTransaction("a", "r", once)
    await client.retryException(7, undefined, once)
    await client.retryException(7)
    expect(seen.map(({ key }) => key)).toEqual(["d-1", "d-1", "d-1", "d-1", undefined])
    expect(seen[0]?.body).toBe('{"action":"skip","task":"pay","reason":"r","expected_version":7}')
  })

  test("throws an error with the word, the sentence and every problem", async () => {
    const { client } = await serve(
      422,
      JSON.stringify({
        code: 422,
        detail: "The flow has problems.",
        error: "flow_invalid",
        request_id: "r1",
        errors: [{ pointer: "/tasks/0", code: "x", detail: "no such kind" }],
      }),
    )
    await expect(client.publishFlow({})).rejects.toMatchObject({
      name: "ApiError",
      status: 422,
      error: "flow_invalid",
      requestId: "r1",
      message: "The flow has problems.\n  /tasks/0 no such kind",
    })
  })

  test.each([
    [200, "<html>proxy</html>"],
    [200, '{"up": true}'],
    [404, '{"error": {"message": "no such page"}}'],
  ])("tells that %i %s is not Holdfast's", async (status, answer) => {
    const { client } = await serve(status, answer)
    await expect(client.getTransaction("a")).rejects.toThrow(`answer ${status} is not Holdfast's: ${answer}`)
  })

  test("tells that nobody answers, and why", async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve))
    // A TCP server that listens has an address object.
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}` })
    await expect(client.getTransaction("a")).rejects.toMatchObject({
      message: expect.stringMatching(/no answer from http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/),
      sending: "not_begun",
    })
  })

  test("does not take a lost answer for a request that was never made", async () => {
    const server = createServer((request) => request.socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void server.close())
    // A TCP server that listens has an address object.
    const { port } = server.address() as AddressInfo
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}` })
    await expect(client.getTransaction("a")).rejects.toMatchObject({ name: "Unreachable", sending: "begun" })
  })
})
