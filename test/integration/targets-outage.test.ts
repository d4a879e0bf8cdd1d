/** Where calls may go, while our own Postgres is away. */
import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { patiently } from "../../src/activities/patience.ts"
import { createTargets, type FileTargets, type TenantTargets } from "../../src/activities/targets.ts"
import { insertConnection } from "../../src/store/queries/insert-connection.ts"
import { saveSecret } from "../../src/store/queries/save-secret.ts"
import { parseMasterKeys } from "../../src/store/secrets/master-keys.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"

const TENANT = "default"
/** From then on they are read again. */
const STALE_MS = 2_100
const masterKeys = parseMasterKeys(randomBytes(32).toString("base64"))
const shop = (name: string) =>
  ({
    name,
    kind: "http",
    base_url: "http://127.0.0.1:9",
    headers: { authorization: { secret: "token" } },
  }) as const

let database: TestDatabase
let gate: TcpGate
let behindGate: pg.Pool
let beside: pg.Pool

beforeEach(async () => {
  database = await createTestDatabase()
  const url = new URL(database.url)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  url.hostname = "127.0.0.1"
  url.port = String(gate.port)
  behindGate = new pg.Pool({ connectionString: url.href, max: 4 })
  beside = new pg.Pool({ connectionString: database.url, max: 1 })
  for (const pool of [behindGate, beside]) pool.on("error", () => {})
})
afterEach(async () => {
  gate.thaw()
  await Promise.all([behindGate.end(), beside.end()])
  await gate.close()
  await database.drop()
})

const open = (files: FileTargets = { connections: [], secrets: {} }) =>
  createTargets({ pool: behindGate, masterKeys, files, logger: { warn: () => {} } })
const store = async (name: string, tenant = TENANT) => {
  await insertConnection(beside, { tenant, connection: shop(name), defaultOf: null, actor: "test" })
  await saveSecret(beside, masterKeys, { tenant, name: "token", value: `s-${tenant}`, actor: "test" })
}

describe.each(["shut", "freeze"] as const)("with Postgres behind a gate that is %s", (how) => {
  test("what the files say is called, from the first call on", async () => {
    gate[how]()
    const targets = open({ connections: [shop("shop")], secrets: { token: "s" } }).of(TENANT)
    await targets.refresh("shop")
    expect(targets.connections.find("shop")).toMatchObject({ name: "shop" })
    expect(targets.secrets("token")).toBe("s")
  })

  test("what was stored when the worker started is called, for every tenant", async () => {
    await store("shop", "acme")
    await store("shop")
    const all = open()
    const stop = await all.keepAll()
    await sleep(STALE_MS)
    gate[how]()
    for (const tenant of ["acme", TENANT]) {
      const targets = all.of(tenant)
      await targets.refresh("shop")
      expect(targets.connections.find("shop")).toMatchObject({ name: "shop" })
      expect(targets.secrets("token")).toBe(`s-${tenant}`)
    }
    stop()
  })
})

test("a connection of which nothing is known is not said to be missing", async () => {
  await store("shop")
  const targets = open().of(TENANT)
  await targets.refresh("shop")
  await store("new")
  await sleep(STALE_MS)
  gate.shut()
  await expect(targets.refresh("new")).rejects.toMatchObject({ code: "settings_unavailable" })
  await expect(targets.refresh("shop")).resolves.toBeUndefined()
  gate.open()
  await readAgain(targets, "new")
  expect(targets.connections.find("new")).toMatchObject({ name: "new" })
})

test("a connection whose secret is not known is not said to lack it", async () => {
  await insertConnection(beside, { tenant: TENANT, connection: shop("shop"), defaultOf: null, actor: "test" })
  const targets = open().of(TENANT)
  await targets.refresh("shop")
  await store("other")
  gate.shut()
  await expect(targets.refresh("shop")).rejects.toMatchObject({ code: "settings_unavailable" })
  gate.open()
  await readAgain(targets, "shop")
  expect(targets.secrets("token")).toBe("s-default")
})

test("a worker that starts while Postgres is away starts all the same", async () => {
  gate.shut()
  const stop = await open().keepAll()
  stop()
})

/** As an attempt does. */
const readAgain = (targets: TenantTargets, name: string) =>
  patiently(() => targets.refresh(name), AbortSignal.timeout(5_000))
