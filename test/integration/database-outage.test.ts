/** 56: Holdfast's own Postgres is away while transactions run, and while people decide through Temporal. */
import { randomUUID } from "node:crypto"
import { Client, Connection } from "@temporalio/client"
import type { Pool } from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { View } from "../../src/contract/rows.ts"
import { verifyChains } from "../../src/store/audit/verify-chains.ts"
import { createPool } from "../../src/store/pool.ts"
import { checkAudit } from "../../src/worker/audit-check.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { task } from "../helpers/ledger-task.ts"
import { createNodeApi } from "../helpers/node-api.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"

const FLOW = {
  name: "order",
  tasks: [
    task({ id: "pay", timeout: { attempt: "100s" } }),
    task({ id: "stock", depends_on: ["pay"] }),
    task({ id: "ship", depends_on: ["stock"] }),
  ],
}

let product: LedgerNode | undefined
let gate: TcpGate | undefined
/** Its way to Postgres leads through the gate, the test's own does not. */
let node: HoldfastNode | undefined
let pool: Pool
let client: Client

beforeAll(async () => {
  quietTemporal()
  product = await startLedgerNode()
  await product.node.stop()
  const url = new URL(product.database.url)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  url.port = String(gate.port)
  node = await createNode({ ...product.targets, databaseUrl: url.href })
  await node.start()
  pool = createPool({ url: product.database.url })
  const connection = await Connection.connect({ address: product.temporal.address })
  client = new Client({ connection, namespace: product.temporal.namespace })
}, 300_000)
afterAll(async () => {
  gate?.open()
  await node?.stop()
  await gate?.close()
  await client?.connection.close()
  await pool?.end()
  await product?.stop()
})

test("56: without Postgres steps go on and decisions count; then the mirror catches up, with the same audit", async () => {
  if (!product || !gate || !node) throw new Error("not started")
  const { ledger } = product
  const api = createNodeApi(node.url)
  await api.publish(FLOW)
  const [running, parked] = [randomUUID(), randomUUID()]
  const workflowOf = (id: string) => client.workflow.getHandle(`default/${id}`)
  await ledger.misbehave("pay", ["latch"], running)
  await ledger.misbehave("stock", ["refuse"], parked)
  for (const id of [running, parked]) await api.start("order", id)
  await api.reaches(parked, "blocked")
  await until(
    () => ledger.deliveries(running),
    ({ length }) => length === 1,
  )

  gate.shut()
  const away = await until(
    () => api.post(`/transactions/${parked}/pause`),
    ({ status }) => status === 503,
  )
  expect(away.json).toMatchObject({ error: "database_unavailable" })
  await ledger.release("pay")
  const decide = (action: string) =>
    workflowOf(parked).executeUpdate("decide", {
      args: [{ action, actor: "ann", reason: "the database is away" }],
      updateId: `${parked}-${action}`,
    })
  await decide("pause")
  await workflowOf(parked).signal("retry", { task: "stock", reason: "by hand" })
  await decide("resume")
  for (const id of [running, parked]) {
    expect(await workflowOf(id).result()).toMatchObject({ status: "success" })
    const effects = (await ledger.deliveries(id)).filter(({ effect }) => effect)
    expect(effects.map(({ name }) => name)).toEqual(["pay", "stock", "ship"])
  }
  const stored = async (columns: string, table: string) =>
    (await pool.query(`select ${columns} from ${table} where instance_id = $1 order by 1`, [parked])).rows
  expect(await stored("status", "txn")).toEqual([{ status: "blocked" }])
  expect(await stored("seq", "audit")).toEqual([])

  gate.open()
  await api.reaches(running, "success")
  await api.reaches(parked, "success")
  const { decisions } = await workflowOf(parked).query<View>("state")
  expect(decisions.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
    "pause ann",
    "retry temporal",
    "resume ann",
  ])
  await until(
    () => stored("seq, action, actor, reason", "audit"),
    (rows) => rows.length === 3,
  )
  expect(await stored("seq, action, actor, reason", "audit")).toMatchObject(
    decisions.map(({ action, actor, reason }) => ({ action, actor, reason })),
  )
  expect(await checkMirror({ pool, client })).toMatchObject({ checked: 2, expired: 0, differences: [] })
  expect(await checkAudit({ pool, client })).toMatchObject({ differences: [], failed: [] })
  expect(await verifyChains(pool)).toMatchObject([{ broken: null }])
})
