import { randomBytes } from "node:crypto"
import { Client } from "pg"
import { getServers } from "./servers.ts"

export interface TestDatabase {
  url: string
  drop: () => Promise<void>
}

/** A database of its own, migrated unless `content` says `empty`. Drop it when done; open connections are cut. */
export async function createTestDatabase(content: "migrated" | "empty" = "migrated"): Promise<TestDatabase> {
  const { databaseUrl, templateDatabase } = await getServers()
  const name = `test_${randomBytes(8).toString("hex")}`
  const template = content === "migrated" ? templateDatabase : "template1"
  await administer(databaseUrl, `create database ${name} template ${template}`)
  const url = new URL(databaseUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: () => administer(databaseUrl, `drop database if exists ${name} with (force)`),
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
