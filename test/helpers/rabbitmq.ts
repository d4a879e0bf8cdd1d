import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { Connection } from "rabbitmq-client"
import { startChild } from "../../src/local/children.ts"
import { findOptionalServer } from "./optional-server.ts"
import { findQuietPort } from "./quiet-port.ts"
import { until } from "./until.ts"

/** Debian's own start script becomes another user, who cannot read a private directory. */
const DEBIAN = "/usr/lib/rabbitmq/bin/rabbitmq-server"

/** The program, or undefined after saying that it is missing. */
export function findRabbitmq(): string | undefined {
  const found = findOptionalServer("rabbitmq-server")
  return found !== undefined && existsSync(DEBIAN) ? DEBIAN : found
}

export interface Broker {
  port: number
  /** Of the virtual host "shop", as a user who may do everything there. */
  connect(): Connection
  stop(): Promise<void>
}

export const PASSWORD = "s3cret-rabbit"

/** Who may do everything in "shop", beside `app`. */
export interface RabbitmqUser {
  name: string
  password: string
}

/**
 * A private broker with its own name service. In "shop" are the exchange `events`, whose keys `orders.#` reach the
 * queue `orders`, and the queue `full`, which refuses every message. Users: `app`, and `limited`, who may do nothing.
 */
export async function startRabbitmq(program: string, users: readonly RabbitmqUser[] = []): Promise<Broker> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-rabbitmq-"))
  // Not in `directory`, which goes when the broker ends: a broker that ends by itself leaves its reason.
  const logs = mkdtempSync(path.join(tmpdir(), "holdfast-rabbitmq-logs-"))
  const [port, distribution, names] = [await findQuietPort(), await findQuietPort(), await findQuietPort()]
  const [config, definitions] = [
    path.join(directory, "rabbitmq.conf"),
    path.join(directory, "definitions.json"),
  ]
  writeFileSync(definitions, JSON.stringify(definitionsOf(users)))
  writeFileSync(
    config,
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      `load_definitions = ${definitions}`,
      "log.file = false",
      "log.console = true",
      "log.console.level = warning",
      "disk_free_limit.absolute = 1MB",
    ].join("\n"),
  )
  const env = {
    ...process.env,
    HOME: directory,
    ERL_EPMD_PORT: String(names),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    // The start script becomes the broker instead of watching over it.
    RUNNING_UNDER_SYSTEMD: "1",
    RABBITMQ_NODENAME: `holdfast-${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: directory,
    RABBITMQ_LOG_BASE: directory,
    RABBITMQ_ENABLED_PLUGINS_FILE: path.join(directory, "plugins"),
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_CONF_ENV_FILE: path.join(directory, "none"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
  }
  const start = (name: string, command: string, args: string[], scratch?: string) =>
    startChild({
      name,
      command,
      args,
      environment: env,
      cwd: directory,
      stateDir: directory,
      logFile: path.join(logs, `${name}.log`),
      stopSignal: "TERM",
      graceSeconds: 5,
      ...(scratch === undefined ? {} : { scratch }),
    })
  // Without one of its own the broker starts a name service that outlives it.
  const epmd = await start("epmd", "epmd", ["-port", String(names), "-address", "127.0.0.1"])
  const broker = await start("rabbitmq", program, [], directory)
  const stop = async () => {
    await broker.stop()
    await epmd.stop()
    rmSync(logs, { recursive: true, force: true })
  }
  const connect = () => {
    const connection = new Connection({
      hostname: "127.0.0.1",
      port,
      vhost: "shop",
      username: "app",
      password: PASSWORD,
      retryLow: 200,
      retryHigh: 200,
    })
    // It reconnects by itself, which is what a test's own consumer wants.
    connection.on("error", () => undefined)
    return connection
  }
  try {
    const probe = connect()
    await until(
      () => {
        if (broker.hasEnded()) throw new Error(`the broker ended: ${readLogs(logs)}`)
        return probe.ready
      },
      (isReady) => isReady,
      { timeoutMs: 120_000 },
    )
    await probe.close()
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return { port, connect, stop }
}

function readLogs(directory: string): string {
  return ["epmd", "rabbitmq"]
    .map((name) => `${name}: ${readFileSync(path.join(directory, `${name}.log`), "utf8").slice(-2_000)}`)
    .join("\n")
}

const vhost = "shop"
const queue = (name: string, more: object = {}) => ({
  name,
  vhost,
  durable: true,
  auto_delete: false,
  arguments: more,
})
const EVERYTHING = { vhost, configure: ".*", write: ".*", read: ".*" }
const DEFINITIONS = {
  vhosts: [{ name: vhost }],
  queues: [queue("orders"), queue("full", { "x-max-length": 0, "x-overflow": "reject-publish" })],
  exchanges: [
    {
      name: "events",
      vhost,
      type: "topic",
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    },
  ],
  bindings: [
    {
      source: "events",
      vhost,
      destination: "orders",
      destination_type: "queue",
      routing_key: "orders.#",
      arguments: {},
    },
  ],
}

function definitionsOf(users: readonly RabbitmqUser[]): object {
  const all = [{ name: "app", password: PASSWORD }, ...users]
  return {
    ...DEFINITIONS,
    users: [...all, { name: "limited", password: PASSWORD }].map((user) => ({ ...user, tags: "" })),
    permissions: [
      ...all.map(({ name }) => ({ user: name, ...EVERYTHING })),
      { user: "limited", vhost, configure: "^$", write: "^$", read: "^$" },
    ],
  }
}
