import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { startChild } from "../../src/local/children.ts"
import { findQuietPort } from "./quiet-port.ts"
import { until } from "./until.ts"

export const PASSWORD = "s3cret-nats"

export interface NatsServer {
  port: number
  /** As a user who may do everything. */
  client: NatsConnection
  stop(): Promise<void>
}

/** Clients must show a certificate of the authority `ca`; `client` is what this helper's own client shows. */
export interface NatsTls {
  server: { ca: string; cert: string; key: string }
  client: { ca: string; cert: string; key: string; servername: string }
}

export interface NatsOptions {
  tls?: NatsTls
  /** Who may do everything, beside `app`. */
  users?: readonly { user: string; password: string }[]
}

/**
 * A private server with JetStream. Users: `app`, who may do everything; `limited`, who may publish `orders.>` only;
 * `deaf`, who may publish everything and subscribe to nothing; `poor`, whose account has no JetStream.
 */
export async function startNats(program: string, { tls, users = [] }: NatsOptions = {}): Promise<NatsServer> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-nats-"))
  const port = await findQuietPort()
  const config = path.join(directory, "nats.conf")
  const secured = tls === undefined ? "" : tlsConfigOf(tls.server, directory)
  writeFileSync(config, configOf(port, directory, users) + secured)
  const server = await startChild({
    name: "nats",
    command: program,
    args: ["-c", config],
    environment: process.env,
    cwd: directory,
    stateDir: directory,
    logFile: path.join(directory, "nats.log"),
    stopSignal: "TERM",
    graceSeconds: 5,
    scratch: directory,
  })
  const login = {
    servers: `127.0.0.1:${port}`,
    user: "app",
    pass: PASSWORD,
    ...(tls ? { tls: tls.client } : {}),
  }
  try {
    const client = await until(
      () =>
        server.hasEnded()
          ? Promise.reject(new Error("the server ended"))
          : connect(login).catch(() => undefined),
      (one) => one !== undefined,
    )
    if (client === undefined) throw new Error("no client")
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: "ORDERS", subjects: ["orders.>"] })
    await manager.streams.add({ name: "SMALL", subjects: ["small.>"], max_msg_size: 10 })
    const refusesNew = { max_msgs: 0, discard: "new" } as const
    await manager.streams.add({ name: "FULL", subjects: ["full.>"], ...refusesNew, max_bytes: 1 })
    return {
      port,
      client,
      async stop() {
        await client.close()
        await server.stop()
      },
    }
  } catch (thrown) {
    await server.stop()
    throw thrown
  }
}

function tlsConfigOf(files: NatsTls["server"], directory: string): string {
  const write = (name: string, text: string): string => {
    writeFileSync(path.join(directory, name), text)
    return JSON.stringify(path.join(directory, name))
  }
  const [ca, cert, key] = [
    write("ca.pem", files.ca),
    write("cert.pem", files.cert),
    write("key.pem", files.key),
  ]
  return `tls { cert_file: ${cert}, key_file: ${key}, ca_file: ${ca}, verify: true }\n`
}

function configOf(port: number, directory: string, users: NonNullable<NatsOptions["users"]>): string {
  const others = users.map(
    ({ user, password }) =>
      `      { user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)} }\n`,
  )
  return `
listen: 127.0.0.1:${port}
jetstream { store_dir: ${JSON.stringify(path.join(directory, "store"))} }
max_payload: 65536
accounts {
  MAIN {
    jetstream: enabled
    users: [
      { user: app, password: ${PASSWORD} }
      { user: limited, password: ${PASSWORD}, permissions { publish: ["orders.>"], subscribe: ["_INBOX.>"] } }
      { user: deaf, password: ${PASSWORD}, permissions { publish: [">"], subscribe: ["nothing"] } }
${others.join("")}    ]
  }
  POOR { users: [ { user: poor, password: ${PASSWORD} } ] }
}
`
}
