import { Connection } from "@temporalio/client"
import { Client } from "pg"
import { describe, expect, test } from "vitest"
import { createTestDatabase } from "../helpers/database.ts"
import { testTemporal } from "../helpers/temporal.ts"

describe("createTestDatabase()", () => {
  test("gives each caller a database of its own and drops it with open connections", async () => {
    const [first, second] = await Promise.all([createTestDatabase("empty"), createTestDatabase("empty")])
    const client = new Client(first.url)
    client.on("error", () => undefined)
    await client.connect()
    await client.query("create table mark (id int)")
    const other = new Client(second.url)
    await other.connect()
    const { rows } = await other.query("select to_regclass('mark') as mark")
    expect(rows).toEqual([{ mark: null }])
    await other.end()
    await first.drop()
    await second.drop()
    await expect(new Client(first.url).connect()).rejects.toThrow("does not exist")
  })

  test("has the migrated tables", async () => {
    const database = await createTestDatabase()
    const client = new Client(database.url)
    await client.connect()
    try {
      const { rows } = await client.query("select count(*)::int as transactions from txn")
      expect(rows).toEqual([{ transactions: 0 }])
    } finally {
      await client.end()
      await database.drop()
    }
  })
})

describe("testTemporal()", () => {
  test("gives a namespace with the search attributes of Holdfast", async () => {
    const { address, namespace } = await testTemporal()
    const connection = await Connection.connect({ address })
    try {
      const answer = await connection.operatorService.listSearchAttributes({ namespace })
      expect(Object.keys(answer.customAttributes).toSorted()).toEqual([
        "HoldfastBusinessKey",
        "HoldfastTenant",
      ])
    } finally {
      await connection.close()
    }
  })
})
