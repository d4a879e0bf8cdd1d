/** The few calls that the benchmark makes, by undici itself: `fetch` costs a caller several times as much. */
import { request } from "undici"

export async function callApi(
  apiUrl: string,
  method: "GET" | "POST",
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await request(`${apiUrl}/api/v1${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  })
  const text = await answer.body.text()
  if (answer.statusCode >= 300)
    throw new Error(`${method} ${path} was answered ${answer.statusCode}: ${text.slice(0, 500)}`)
  // The API's envelope.
  return (JSON.parse(text) as { data: unknown }).data
}

export async function startTransaction(
  apiUrl: string,
  transaction: { instance_id: string; flow_id: string; params: object },
): Promise<void> {
  await callApi(apiUrl, "POST", "/transactions", transaction)
}
