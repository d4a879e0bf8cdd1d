/** The demo's inventory: a database of its own, with its own user. */
import { randomBytes } from "node:crypto"
import { Client } from "pg"

export interface Stock {
  sku: string
  on_hand: number
  reserved: number
}

export interface Inventory {
  host: string
  port: number
  database: string
  user: string
  password: string
  getStock: (sku: string) => Promise<Stock>
}

const SCHEMA = `
  create table stock (
    sku      text primary key,
    on_hand  integer not null check (on_hand >= 0),
    reserved integer not null default 0 check (reserved between 0 and on_hand)
  );
  insert into stock (sku, on_hand) values ('lamp', 100), ('chair', 40), ('desk', 10);
`

/** Makes the database `inventory` and its owner on a server of which `adminUrl` names the superuser. */
export async function createInventory(adminUrl: string): Promise<Inventory> {
  const user = "inventory"
  const password = randomBytes(18).toString("base64url")
  // Names are constants and the password is base64url: nothing here can end the quotes.
  await query(adminUrl, `create role ${user} login password '${password}'`)
  await query(adminUrl, `create database inventory owner ${user}`)
  const own = new URL(adminUrl)
  own.pathname = "/inventory"
  own.username = user
  own.password = password
  await query(own.href, SCHEMA)
  return {
    host: own.hostname,
    port: Number(own.port),
    database: "inventory",
    user,
    password,
    getStock: async (sku) => {
      const [row] = await query(own.href, "select sku, on_hand, reserved from stock where sku = $1", [sku])
      if (row === undefined) throw new Error(`the inventory holds no "${sku}"`)
      // The three columns selected above, in the types of SCHEMA.
      return row as unknown as Stock
    },
  }
}

async function query(url: string, sql: string, values?: string[]): Promise<Record<string, unknown>[]> {
  const client = new Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql, values)
    return rows
  } finally {
    await client.end()
  }
}
