/** Three orders against four real services, each effect checked where it should have happened. */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import path from "node:path"
import { createMask } from "../masking/mask.ts"
import { TASK_QUEUE } from "../contract/messages.ts"
import { ROLES } from "../contract/roles.ts"
import { formatTable } from "../cli/table.ts"
import type { LocalContext } from "../local/context.ts"
import { findFreePort } from "../local/free-port.ts"
import { startPostgres } from "../local/postgres.ts"
import { startTemporal } from "../local/temporal.ts"
import { createClient } from "../sdk/client.ts"
import { parseMasterKeys } from "../store/secrets/master-keys.ts"
import { announce } from "./running.ts"
import { checkEffects } from "./demo-checks.ts"
import { runOrders } from "./demo-orders.ts"
import { createLogger, installTemporalRuntime } from "./logger.ts"
import { DEFAULT_NAMESPACE } from "./servers.ts"
import { startShop } from "./shop/shop.ts"
import type { Shop } from "./shop/shop.ts"
import { startHoldfast } from "./start.ts"
import type { StopList } from "./stop-list.ts"

export interface DemoOptions {
  stateDir: string
  environment: LocalContext["environment"]
  /** For a person, on stdout. */
  print: (text: string) => void
  stops: StopList
}

export interface DemoResult {
  verdict: "as_expected" | "not_as_expected"
  world: DemoWorld
}

export interface DemoWorld {
  shop: Shop
  apiUrl: string
  uiUrl: string | undefined
  temporalAddress: string
}

const EXAMPLE = new URL("../../examples/order.json", import.meta.url)

/** Everything it starts is private, on free ports of 127.0.0.1, and is added to `stops`. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { print } = options
  const began = Date.now()
  const say = (line: string): void =>
    print(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  const world = await startWorld(options, say)
  const client = createClient({ baseUrl: world.apiUrl })
  // Part of this package; the API checks it when it is published.
  const definition = JSON.parse(await readFile(EXAMPLE, "utf8")) as object
  const flow = await client.publishFlow(definition)
  say(`published examples/order.json: flow ${flow.name}, version ${flow.version}`)
  const outcomes = await runOrders({ client, shop: world.shop, say })
  const { rows, problems } = await checkEffects(world.shop, outcomes)
  print("")
  const head = ["ORDER", "WHAT HAPPENED", "STATUS", "CALLS", "CHARGES", "RESERVED", "EVENTS", "PARCELS", ""]
  print(formatTable(head, rows))
  print("\nCounted in the targets themselves: payment ledger, stock table, message broker, shipping's books.")
  for (const problem of problems) print(`not as expected: ${problem}`)
  return { verdict: problems.length === 0 ? "as_expected" : "not_as_expected", world }
}

async function startWorld(options: DemoOptions, say: (line: string) => void): Promise<DemoWorld> {
  const { stateDir, environment, stops } = options
  const context: LocalContext = { stateDir, environment, say }
  say("starting Postgres and Temporal")
  const starting = [
    startPostgres({ ...context, state: "throwaway" }).then((server) => {
      stops.add("Postgres", server.stop)
      say(`Postgres is up: ${server.description}`)
      return server
    }),
    startTemporal({ ...context, state: "throwaway", ui: "on" }).then((server) => {
      stops.add("Temporal", server.stop)
      say(`Temporal is up: ${server.description}`)
      return server
    }),
  ] as const
  const [postgres, temporal] = await Promise.all(starting)
  const shop = await startShop(postgres.url)
  stops.add("the shop", shop.stop)
  say("payment (gRPC), inventory (Postgres), events (MQTT) and shipping (HTTP) are up")
  const mask = createMask()
  const output = path.join(stateDir, "logs", "demo.log")
  const logger = createLogger({ level: "info", output, mask: mask.text })
  installTemporalRuntime(logger)
  const target = { connection: { address: temporal.address }, namespace: DEFAULT_NAMESPACE }
  const holdfast = await startHoldfast({
    databaseUrl: postgres.url,
    temporal: target,
    http: { host: "127.0.0.1", port: await findFreePort(8080) },
    auth: { mode: "off" },
    roles: ROLES,
    queueNames: [TASK_QUEUE],
    workerConcurrency: 50,
    connections: shop.connections,
    secrets: shop.secrets,
    mask,
    masterKeys: parseMasterKeys(randomBytes(32).toString("base64")),
    mode: "local",
    logger,
  })
  stops.add("Holdfast", holdfast.stop)
  const withdraw = await announce({
    stateDir,
    say,
    facts: {
      api_url: holdfast.apiUrl,
      database_url: postgres.url,
      temporal: { address: temporal.address, namespace: DEFAULT_NAMESPACE },
    },
  })
  stops.add("the announcement", withdraw)
  say(`Holdfast is up: ${holdfast.apiUrl}`)
  return { shop, apiUrl: holdfast.apiUrl, uiUrl: temporal.uiUrl, temporalAddress: temporal.address }
}
