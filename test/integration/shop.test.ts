import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { credentials, loadPackageDefinition, Metadata, status } from "@grpc/grpc-js"
import type { Client as GrpcClient, ServiceClientConstructor, ServiceError } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { connectAsync } from "mqtt"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { startShop } from "../../src/app/shop/shop.ts"
import type { Shop } from "../../src/app/shop/shop.ts"
import { openPostgresHome } from "../../src/local/postgres-home.ts"
import { startPostgres } from "../../src/local/postgres.ts"
import type { LocalPostgres } from "../../src/local/postgres.ts"

let postgres: LocalPostgres
let shop: Shop
const stops = createStopList()
beforeAll(async () => {
  const stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-shop-"))
  stops.add("the directory", () => rm(stateDir, { recursive: true, force: true }))
  stops.add("Postgres' home", async () => {
    await rm((await openPostgresHome(stateDir)).dir, { recursive: true, force: true })
  })
  postgres = await startPostgres({
    stateDir,
    environment: process.env,
    say: () => undefined,
    state: "throwaway",
  })
  stops.add("Postgres", () => postgres.stop())
  shop = await startShop(postgres.url)
  stops.add("the shop", () => shop.stop())
})
afterAll(stops.stop)

type Charge = (
  request: object,
  metadata: Metadata,
  answer: (error: ServiceError | null, reply?: { payment_id: string }) => void,
) => void

describe("payment", () => {
  async function charge(orderId: string, key: string): Promise<string | number> {
    const definition = loadSync(path.resolve(import.meta.dirname, "../../examples/shop/payment.proto"), {
      keepCase: true,
    })
    const { shop: api } = loadPackageDefinition(definition) as unknown as {
      shop: { Payment: ServiceClientConstructor }
    }
    const client = new api.Payment(
      `127.0.0.1:${shop.payment.port}`,
      credentials.createInsecure(),
    ) as unknown as GrpcClient & {
      Charge: Charge
    }
    const metadata = new Metadata()
    if (key !== "") metadata.set("idempotency-key", key)
    try {
      return await new Promise((resolve) => {
        client.Charge({ order_id: orderId, amount_cents: 1299 }, metadata, (error, reply) =>
          resolve(error?.code ?? reply?.payment_id ?? ""),
        )
      })
    } finally {
      client.close()
    }
  }
  const chargesOf = (orderId: string): number =>
    shop.payment.ledger().filter((one) => one.order_id === orderId).length

  test("charges once for a key", async () => {
    const first = await charge("p1", "key-1")
    expect(first).toMatch(/^pay_/)
    expect(await charge("p1", "key-1")).toBe(first)
    expect(chargesOf("p1")).toBe(1)
    expect(shop.payment.ledger().at(-1)?.amount_cents).toBe(1299)
  })

  test("refuses a call without a key", async () => {
    expect(await charge("p2", "")).toBe(status.INVALID_ARGUMENT)
    expect(chargesOf("p2")).toBe(0)
  })

  test("fails before or after the effect, as often as told", async () => {
    shop.payment.failNext("p3", "before", "after")
    expect(await charge("p3", "key-3")).toBe(status.UNAVAILABLE)
    expect(chargesOf("p3")).toBe(0)
    expect(await charge("p3", "key-3")).toBe(status.UNAVAILABLE)
    expect(chargesOf("p3")).toBe(1)
    expect(await charge("p3", "key-3")).toMatch(/^pay_/)
    expect(chargesOf("p3")).toBe(1)
    expect(shop.payment.countCalls("p3")).toBe(3)
  })
})

describe("shipping", () => {
  const book = (key: string, apiKey = shop.secrets.shipping_key ?? ""): Promise<Response> =>
    fetch(`${shop.shipping.url}/parcels`, {
      method: "POST",
      headers: { "x-api-key": apiKey, "idempotency-key": key },
      body: JSON.stringify({ order_id: key, note: "ring twice" }),
    })

  test("wants its API key", async () => {
    expect((await book("s1", "guess")).status).toBe(401)
  })

  test("books once for a key", async () => {
    const first: unknown = await (await book("s2")).json()
    const second: unknown = await (await book("s2")).json()
    expect(second).toEqual(first)
    expect(shop.shipping.parcels().filter((parcel) => parcel.order_id === "s2")).toHaveLength(1)
  })

  test("answers 503 while the carrier is down", async () => {
    await fetch(`${shop.shipping.url}/carrier`, { method: "PUT", body: '{"up": false}' })
    expect((await book("s3")).status).toBe(503)
    shop.shipping.setCarrier("up")
    expect((await book("s3")).status).toBe(201)
  })
})

describe("events", () => {
  test("writes down what is published", async () => {
    const client = await connectAsync(`mqtt://127.0.0.1:${shop.events.port}`)
    await client.publishAsync("orders/paid", '{"order_id":"e1"}', { qos: 1 })
    await client.endAsync()
    await vi.waitFor(() =>
      expect(shop.events.received()).toContainEqual({ topic: "orders/paid", body: { order_id: "e1" } }),
    )
  })
})

describe("inventory", () => {
  test("belongs to a user of its own who cannot leave it", async () => {
    const { host, port, database, user } = shop.inventory
    const client = new Client({ host, port, database, user, password: shop.secrets.inventory_password ?? "" })
    await client.connect()
    await client.query("update stock set reserved = reserved + 3 where sku = 'lamp'")
    await expect(client.query("create role other")).rejects.toThrow("permission denied")
    await client.end()
    expect(await shop.inventory.getStock("lamp")).toEqual({ sku: "lamp", on_hand: 100, reserved: 3 })
    await expect(shop.inventory.getStock("sofa")).rejects.toThrow('holds no "sofa"')
  })
})
