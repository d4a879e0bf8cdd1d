import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import pg from "pg"
import { SHOP_SET } from "../../src/connection/shop-descriptor-set.testsuite.ts"
import { createTestDatabase } from "./database.ts"
import { findQuietPort } from "./quiet-port.ts"

/** See `grpc-bank-server.mjs`. */
export type Manner = "answering" | "silent"

export interface GrpcBank {
  /** Its own, whether it runs or not. */
  port: number
  start(manner: Manner): Promise<void>
  /** Returns when the process is gone. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>
  /** For an order: the keys of the calls that came, in order, and of its charges. */
  books(order: string): Promise<{ delivered: string[]; charged: string[] }>
  stop(): Promise<void>
}

/** A bank in a process of its own, which does not run yet. */
export async function createGrpcBank(): Promise<GrpcBank> {
  const program = fileURLToPath(new URL("grpc-bank-server.mjs", import.meta.url))
  const port = await findQuietPort()
  const database = await createTestDatabase("empty")
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(
    "create table delivery (number bigint generated always as identity, key text, order_id text)",
  )
  await pool.query("create table charge (key text primary key, order_id text)")
  let end: GrpcBank["end"] = async () => undefined
  return {
    port,
    async start(manner) {
      const child = spawn(process.execPath, [program, String(port), database.url, SHOP_SET, manner], {
        stdio: ["pipe", "pipe", "inherit"],
      })
      const gone = once(child, "exit")
      end = async (signal) => {
        child.kill(signal)
        await gone
      }
      await Promise.race([
        once(child.stdout, "data"),
        gone.then(([code]) => Promise.reject(new Error(`the bank ended with ${code}`))),
      ])
    },
    end: (signal) => end(signal),
    async books(order) {
      const keysOf = async (table: string, by: string) => {
        const { rows } = await pool.query<{ key: string }>(
          `select key from ${table} where order_id = $1 order by ${by}`,
          [order],
        )
        return rows.map(({ key }) => key)
      }
      return { delivered: await keysOf("delivery", "number"), charged: await keysOf("charge", "key") }
    },
    async stop() {
      await end("SIGKILL")
      await pool.end()
      await database.drop()
    },
  }
}
