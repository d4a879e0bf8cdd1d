/** The outside world of the demo: four participants, each a real server on a free port of 127.0.0.1. */
import { randomBytes } from "node:crypto"
import type { Connection } from "../../contract/connections.ts"
import { startEvents } from "./events.ts"
import type { EventBroker } from "./events.ts"
import { createInventory } from "./inventory.ts"
import type { Inventory } from "./inventory.ts"
import { startPayment } from "./payment.ts"
import type { PaymentService } from "./payment.ts"
import { startShipping } from "./shipping.ts"
import type { ShippingService } from "./shipping.ts"

export interface Shop {
  payment: PaymentService
  inventory: Inventory
  events: EventBroker
  shipping: ShippingService
  /** How Holdfast reaches them. */
  connections: Connection[]
  secrets: Record<string, string>
  stop: () => Promise<void>
}

/** `adminUrl` is a superuser's, of the server on which the inventory database is made. */
export async function startShop(adminUrl: string): Promise<Shop> {
  const shippingKey = randomBytes(18).toString("base64url")
  const [payment, inventory, events, shipping] = await Promise.all([
    startPayment(),
    createInventory(adminUrl),
    startEvents(),
    startShipping(shippingKey),
  ])
  return {
    payment,
    inventory,
    events,
    shipping,
    connections: describeConnections(payment, inventory, events, shipping),
    secrets: { inventory_password: inventory.password, shipping_key: shippingKey },
    stop: async () => {
      await Promise.all([payment.stop(), events.stop(), shipping.stop()])
    },
  }
}

function describeConnections(
  payment: PaymentService,
  inventory: Inventory,
  events: EventBroker,
  shipping: ShippingService,
): Connection[] {
  const { host, port, database, user } = inventory
  return [
    { name: "payment", kind: "grpc", host: "127.0.0.1", port: payment.port, tls: false },
    {
      name: "inventory",
      kind: "postgres",
      host,
      port,
      database,
      user,
      password_secret: "inventory_password",
    },
    { name: "events", kind: "mqtt", host: "127.0.0.1", port: events.port, protocol: "3.1.1", default: true },
    {
      name: "shipping",
      kind: "http",
      base_url: shipping.url,
      profile: "plain",
      effect: "keyed",
      headers: { "x-api-key": { secret: "shipping_key" } },
    },
  ]
}
