/** One whole `holdfast start` with a database of its own, and a ledger that keeps what was called. */
import { withStopList } from "../../src/app/stop-list.ts"
import { createTestDatabase, type TestDatabase } from "./database.ts"
import { type EffectLedger, startEffectLedger } from "./effect-ledger.ts"
import { createNode, type HoldfastNode, type NodeTargets } from "./holdfast-node.ts"
import { createNodeApi, type NodeApi } from "./node-api.ts"
import { testTemporal, type TestTemporal } from "./temporal.ts"

export interface LedgerNode {
  database: TestDatabase
  temporal: TestTemporal
  ledger: EffectLedger
  node: HoldfastNode
  api: NodeApi
  /** For further processes on the same database and Temporal. */
  targets: NodeTargets
  stop(): Promise<void>
}

/** Its connection to the ledger is called `ledger`. */
export function startLedgerNode(): Promise<LedgerNode> {
  return withStopList(async (stops) => {
    const temporal = await testTemporal()
    const database = await createTestDatabase()
    stops.add("the database", () => database.drop())
    const ledger = await startEffectLedger()
    stops.add("the ledger", () => ledger.stop())
    const targets: NodeTargets = {
      databaseUrl: database.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: [{ name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" }],
    }
    const node = await createNode(targets)
    stops.add("the process", () => node.stop())
    await node.start()
    return { database, temporal, ledger, node, api: createNodeApi(node.url), targets, stop: stops.stop }
  })
}
