/** The few calls that the benchmark makes, by undici itself: `fetch` costs a caller several times as much. */
import { setTimeout as sleep } from "node:timers/promises"
import { request } from "undici"

const MOST_TRIES = 100

/**
 * Tries again as long as the API answers that it cannot now, as every client should.
 * @param key the `Idempotency-Key`: without one only what is safe to repeat may be called.
 */
export async function callApi(
  apiUrl: string,
  path: string,
  { body, key }: { body?: object; key?: string } = {},
): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    const answer = await request(`${apiUrl}/api/v1${path}`, {
      method: "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    // The API's envelope.
    if (answer.statusCode < 300) return (JSON.parse(text) as { data: unknown }).data
    if (answer.statusCode !== 503 || tries === MOST_TRIES)
      throw new Error(`POST ${path} was answered ${answer.statusCode}: ${text.slice(0, 500)}`)
    await sleep(Number(answer.headers["retry-after"] ?? 1) * 1_000)
  }
}

export async function startTransaction(
  apiUrl: string,
  transaction: { instance_id: string; flow_id: string; params: object },
): Promise<void> {
  await callApi(apiUrl, "/transactions", { body: transaction })
}
