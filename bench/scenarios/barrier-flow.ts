/**
 * A flow of one db task that comes to two statements, from its start to its end: by Holdfast's workflow and worker,
 * with the barrier's row and without it. So do others measure what a barrier costs, of whole sagas (transactions
 * reference, 2.6: 7.7 %).
 */
import { randomUUID } from "node:crypto"
import { Context } from "@temporalio/activity"
import { NativeConnection } from "@temporalio/worker"
import { Client } from "@temporalio/client"
import { runAttempt } from "../../src/activities/attempt.ts"
import type { Connector } from "../../src/activities/call.ts"
import { createDatabase } from "../../src/activities/db/create-database.ts"
import { runWrite } from "../../src/activities/db/run-statement.ts"
import { inTransaction } from "../../src/activities/db/transaction.ts"
import type { Activities, CallActivity } from "../../src/activities/index.ts"
import { createPulse } from "../../src/activities/pulse.ts"
import { createSecretStore } from "../../src/activities/secrets.ts"
import { createStopList } from "../../src/app/stop-list.ts"
import { DEFAULT_NAMESPACE } from "../../src/app/servers.ts"
import type { DbConnection } from "../../src/contract/connections.ts"
import { DEFAULT_TENANT } from "../../src/contract/messages.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import { NO_OUTPUTS } from "../../test/helpers/no-outputs.ts"
import { quietTemporal } from "../../test/helpers/quiet-temporal.ts"
import { type BusinessServer, OPENERS, toAccount, withServer } from "../business-server.ts"
import { startEngine } from "../engine.ts"
import type { Options } from "../options.ts"
import { openStage } from "../stage.ts"
import { createConnectors, guard, silent } from "../worker.ts"
import { measureOn, type Once, type Pace, type Pair } from "./pair.ts"
import type { Finding, Scenario } from "./scenario.ts"

const CALLERS = 50
const CONNECTION = "business"
const POOL_SIZE = 8
/** Accounts that an upsert adds begin after those that are there. */
const FIRST_NEW = 1_000_000

export const barrierOfFlows: Scenario = {
  title: `flows of ${CALLERS} callers behind the barrier, beside the same without it`,
  async runAlone(options) {
    const findings: Finding[] = []
    for (const open of OPENERS)
      await withServer(open, "durable", async (server) => {
        findings.push(await measureOn(server, await openFlowPair(server), toPace(options)))
      })
    return findings
  },
}

/** A flow takes as long as a hundred of its transactions. */
const toPace = ({ warmUpMs, windowMs, rounds, turns }: Options): Pace => ({
  callers: CALLERS,
  firstWarmUpMs: warmUpMs / 2,
  warmUpMs: 1_000,
  windowMs: windowMs / 2,
  turns: rounds * turns * 2,
})

async function openFlowPair(server: BusinessServer): Promise<Pair> {
  quietTemporal()
  const stops = createStopList()
  const connection: DbConnection = {
    ...server.connection,
    name: CONNECTION,
    password_secret: "password",
    pool_size: POOL_SIZE,
  }
  const secrets = () => server.password
  const behind = createConnectors([connection], secrets)
  const open = async (connectors: Pick<Activities, "activities" | "close">): Promise<Once> => {
    const stage = await openStage()
    stops.add("the servers", () => stage.stops.stop())
    const native = await NativeConnection.connect({ address: stage.temporal.address })
    stops.add("the connection", () => native.close())
    const client = new Client({ connection: native, namespace: DEFAULT_NAMESPACE })
    const engine = await startEngine({
      connection: native,
      client,
      flow: toFlow(server),
      connections: [connection],
      connectors,
    })
    stops.add("the worker", () => engine.stop())
    return async (serial) => {
      const id = randomUUID()
      await engine.start(id, { account: toAccount(serial), serial: FIRST_NEW + serial })
      const { status } = (await client.workflow.getHandle(toWorkflowId(DEFAULT_TENANT, id)).result()) as {
        status: string
      }
      if (status !== "success") throw new Error(`expected success, got ${status}`)
    }
  }
  const plain = createPlainDb(connection, secrets)
  return {
    what: "a flow of a db task of two statements",
    without: await open({
      activities: { ...behind.activities, db: toActivity(plain, secrets) },
      close: () => plain.close(),
    }),
    with: await open(behind),
    close: () => stops.stop(),
  }
}

const toFlow = ({ task }: BusinessServer) => ({
  name: "business",
  tasks: [
    {
      id: "pay",
      task_name: "db",
      depends_on: [],
      effect: "keyed",
      config: { connection: CONNECTION, ...task },
    },
  ],
})

/** The db connector as it would be without a barrier: a repeat does it again. */
function createPlainDb(connection: DbConnection, find: () => string): Connector {
  const database = createDatabase(connection, guard, createSecretStore(find))
  return {
    async call({ config, budgetMs, signal }) {
      const statement = database.compile(config)
      const options = { database, access: "read write" as const, deadline: Date.now() + budgetMs, signal }
      const output = await inTransaction(options, async (transaction) => {
        await transaction.begin()
        return { value: await runWrite(transaction, statement) }
      })
      const request = { database: database.name, sql: statement.text, args: statement.values }
      return { class: "done", output, evidence: { request, response: output, peer: database.peer() } }
    },
    close: () => database.close(),
  }
}

/** As `createActivities` makes one of each connector. */
function toActivity(connector: Connector, find: () => string): CallActivity {
  const frame = {
    kind: "db" as const,
    connector,
    secrets: createSecretStore(find),
    outputs: NO_OUTPUTS,
    pulse: createPulse(),
    prepare: () => Promise.resolve(),
    admit: () => Promise.resolve(() => undefined),
    recordAttempt: () => {},
    logger: silent,
  }
  return (input) => runAttempt(frame, Context.current(), input)
}
