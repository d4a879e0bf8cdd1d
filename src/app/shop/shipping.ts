/** The demo's shipping service: HTTP, wants an API key, books once for each `Idempotency-Key`. */
import { timingSafeEqual } from "node:crypto"
import { createServer } from "node:http"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"
import { z } from "zod"

const parcelRequest = z.object({ order_id: z.string(), note: z.string().default("") })
const carrierRequest = z.object({ up: z.boolean() })

export interface Parcel {
  tracking: string
  order_id: string
  note: string
}

export interface ShippingService {
  url: string
  parcels: () => readonly Parcel[]
  /** While the carrier is down, bookings are answered with 503. `PUT /carrier {"up": false}` does the same. */
  setCarrier: (state: "up" | "down") => void
  stop: () => Promise<void>
}

interface Answer {
  status: number
  body: unknown
}

export async function startShipping(apiKey: string): Promise<ShippingService> {
  const parcels = new Map<string, Parcel>()
  let carrier: "up" | "down" = "up"

  const book = async (request: IncomingMessage): Promise<Answer> => {
    if (!isSame(request.headers["x-api-key"], apiKey))
      return { status: 401, body: { error: "wrong x-api-key" } }
    if (carrier === "down") return { status: 503, body: { error: "the carrier is down" } }
    const key = request.headers["idempotency-key"]
    if (typeof key !== "string") return { status: 400, body: { error: "Idempotency-Key is missing" } }
    const wanted = parcelRequest.safeParse(await json(request))
    if (!wanted.success) return { status: 422, body: { error: z.prettifyError(wanted.error) } }
    const parcel = parcels.get(key) ?? { tracking: `HF${1000 + parcels.size}`, ...wanted.data }
    parcels.set(key, parcel)
    return { status: 201, body: { tracking: parcel.tracking } }
  }
  const steer = async (request: IncomingMessage): Promise<Answer> => {
    const wanted = carrierRequest.safeParse(await json(request))
    if (!wanted.success) return { status: 422, body: { error: z.prettifyError(wanted.error) } }
    carrier = wanted.data.up ? "up" : "down"
    return { status: 200, body: { up: wanted.data.up } }
  }
  const routes: Record<string, (request: IncomingMessage) => Promise<Answer>> = {
    "POST /parcels": book,
    "PUT /carrier": steer,
    "GET /parcels": () => Promise.resolve({ status: 200, body: [...parcels.values()] }),
  }

  const server = createServer((request, response) => {
    const handle = routes[`${request.method} ${request.url}`]
    const answering = handle?.(request) ?? Promise.resolve({ status: 404, body: { error: "not here" } })
    answering.then(
      (answer) => send(response, answer),
      () => send(response, { status: 400, body: { error: "expected JSON" } }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", resolve)
  })
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    parcels: () => [...parcels.values()],
    setCarrier: (state) => void (carrier = state),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(`${JSON.stringify(body)}\n`)
}

function isSame(given: string | string[] | undefined, expected: string): boolean {
  const [a, b] = [Buffer.from(String(given)), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
