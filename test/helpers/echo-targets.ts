/** Targets that are reached with a secret each, and that give it back in their replies wherever their kind can. */
import { once } from "node:events"
import { createServer as createHttpsServer } from "node:https"
import type { AddressInfo } from "node:net"
import type { TLSSocket } from "node:tls"
import { headers as natsHeaders } from "@nats-io/transport-node"
import { status } from "@grpc/grpc-js"
import type { Authority, Certificate } from "../../src/activities/outbound/certificates.testsuite.ts"
import { startGrpc } from "../../src/activities/rpc/grpc-server.testsuite.ts"
import { startMariaDb } from "./mariadb.ts"
import { startNats } from "./nats.ts"
import { startRabbitmq } from "./rabbitmq.ts"

export interface PlantedSecret {
  name: string
  value: string
}

export interface EchoTarget {
  /** A connection's settings that use the secret, but for its name. */
  settings(secret: PlantedSecret): object
  /** A task over the connection of the secret's name. */
  task(secret: PlantedSecret): object
  stop(): Promise<unknown>
}

/** What a target that tells everything it was told answers. */
export type Echo = (value: string) => object

const at = { host: "127.0.0.1" }
const userOf = ({ name }: PlantedSecret): string => name.replace("-", "_")

/** Every second method call fails, with the secret in its details. */
export async function startGrpcEcho(echo: Echo): Promise<EchoTarget> {
  let calls = 0
  const server = await startGrpc({
    handler: (call, reply) => {
      const value = String(call.metadata.get("x-api-key")[0])
      const text = JSON.stringify(echo(value))
      if (calls++ % 2 === 1) return reply({ code: status.INVALID_ARGUMENT, details: text })
      return reply(null, { payment_id: text, notes: { [value]: value } })
    },
  })
  return {
    settings: ({ name }) => ({
      kind: "grpc",
      ...at,
      port: server.port,
      metadata: { "x-api-key": { secret: name } },
    }),
    task: ({ name }) => ({
      task_name: "rpc",
      config: { service: name, method: "shop.Payment/Charge" },
      input: { order_id: "o1" },
    }),
    stop: async () => server.stop(),
  }
}

/** Users have the secrets as passwords; a consumer answers with the one that the subject names. */
export async function startNatsEcho(
  program: string,
  secrets: readonly PlantedSecret[],
  echo: Echo,
): Promise<EchoTarget> {
  const users = secrets.map((secret) => ({ user: userOf(secret), password: secret.value }))
  const server = await startNats(program, { users })
  server.client.subscribe("orders.>", {
    callback: (_, message) => {
      const headers = natsHeaders()
      headers.set("correlation-id", message.headers?.get("correlation-id") ?? "")
      headers.set("content-type", "application/json")
      const body = JSON.stringify(echo(valueOf(secrets, message.subject)))
      server.client.publish(message.headers?.get("reply-to") ?? "", body, { headers })
    },
  })
  await server.client.flush()
  return {
    settings: (secret) => ({
      kind: "nats",
      ...at,
      port: server.port,
      username: userOf(secret),
      password_secret: secret.name,
    }),
    task: askOverTopic,
    stop: () => server.stop(),
  }
}

/** As over NATS. */
export async function startRabbitmqEcho(
  program: string,
  secrets: readonly PlantedSecret[],
  echo: Echo,
): Promise<EchoTarget> {
  const users = secrets.map((secret) => ({ name: userOf(secret), password: secret.value }))
  const broker = await startRabbitmq(program, users)
  const client = broker.connect()
  const publisher = client.createPublisher()
  const consumer = client.createConsumer(
    { queue: "orders", queueOptions: { passive: true } },
    async (message) => {
      const { replyTo = "", correlationId = "", routingKey } = message
      await publisher.send(
        { routingKey: replyTo, correlationId, contentType: "application/json" },
        echo(valueOf(secrets, routingKey)),
      )
    },
  )
  await new Promise<void>((resolve) => consumer.once("ready", resolve))
  return {
    settings: (secret) => ({
      kind: "rabbitmq",
      ...at,
      port: broker.port,
      vhost: "shop",
      exchange: "events",
      username: userOf(secret),
      password_secret: secret.name,
    }),
    task: askOverTopic,
    async stop() {
      await consumer.close()
      await publisher.close()
      await client.close()
      await broker.stop()
    },
  }
}

/** Users have the secrets as passwords, and a table keeps them. */
export async function startMariaDbVault(
  program: string,
  secrets: readonly PlantedSecret[],
  echo: Echo,
): Promise<EchoTarget> {
  const server = await startMariaDb(program)
  const admin = await server.connect()
  await admin.query("create table vault (name text, plain text, spelled json) character set utf8mb4")
  for (const secret of secrets) {
    const { name, value } = secret
    await admin.query("create user ? identified by ?", [userOf(secret), value])
    await admin.query(`grant select on ${server.database}.vault to ?`, [userOf(secret)])
    await admin.query("insert into vault values (?, ?, ?)", [name, value, JSON.stringify(echo(value))])
  }
  await admin.end()
  const { port, database } = server
  return {
    settings: (secret) => ({
      kind: "mysql",
      ...at,
      port,
      database,
      user: userOf(secret),
      password_secret: secret.name,
    }),
    task: ({ name }) => ({
      task_name: "db",
      effect: "read",
      config: { connection: name, sql: "select * from vault where name = ?", args: [name] },
    }),
    stop: () => server.stop(),
  }
}

/** The secrets are private keys, whose owners the server knows by their certificates. */
export async function startKeyEcho(
  authority: Authority,
  clients: ReadonlyMap<string, Certificate>,
  echo: Echo,
): Promise<EchoTarget> {
  const identity = authority.issue({ names: "IP:127.0.0.1" })
  const server = createHttpsServer(
    { ...identity, ca: authority.cert, requestCert: true },
    (request, response) => {
      // A server for HTTPS has no other sockets.
      const owner = (request.socket as TLSSocket).getPeerCertificate().subject.CN
      request.resume()
      response.setHeader("content-type", "application/json")
      response.end(JSON.stringify(echo(clients.get(String(owner))?.key ?? "")))
    },
  )
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // Listening on a port makes it an address with a port.
  const { port } = server.address() as AddressInfo
  return {
    settings: ({ name }) => ({
      kind: "http",
      base_url: `https://127.0.0.1:${port}`,
      ca: authority.cert,
      cert: clients.get(name)?.cert,
      key_secret: name,
    }),
    task: ({ name }) => ({ task_name: "http", config: { connection: name, url: "/ok", method: "POST" } }),
    async stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function askOverTopic({ name }: PlantedSecret): object {
  return {
    task_name: "mq",
    config: { connection: name, topic: `orders.${name}`, reply: { timeout: 20_000 } },
  }
}

/** Of the secret whose name ends a subject or a routing key. */
function valueOf(secrets: readonly PlantedSecret[], topic: string): string {
  return secrets.find(({ name }) => topic.endsWith(`.${name}`))?.value ?? ""
}
