/** The demo's message broker, an MQTT 3.1.1 server in this process, with a subscriber that writes down what comes. */
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { Aedes } from "aedes"
import { connectAsync } from "mqtt"

export interface Message {
  topic: string
  /** The body as JSON: a CloudEvent when it comes from Holdfast. */
  body: unknown
}

export interface EventBroker {
  port: number
  received: () => readonly Message[]
  stop: () => Promise<void>
}

export async function startEvents(): Promise<EventBroker> {
  const broker = await Aedes.createBroker()
  const server = createServer(broker.handle)
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", resolve)
  })
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  const messages: Message[] = []
  const subscriber = await connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: "shop-audit" })
  subscriber.on("error", () => undefined)
  subscriber.on("message", (topic, payload) => messages.push({ topic, body: JSON.parse(payload.toString()) }))
  await subscriber.subscribeAsync("#", { qos: 1 })
  return {
    port,
    received: () => messages,
    stop: async () => {
      await subscriber.endAsync(true)
      await new Promise<void>((resolve) => broker.close(resolve))
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
