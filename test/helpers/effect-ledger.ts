import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export interface Delivery {
  name: string
  transaction: string | null
  key: string | null
  at: number
  body: unknown
  fault: string | null
  /** This delivery made the effect; a repeat under the same key does not. */
  effect: boolean
}

export type Fault =
  | "unavailable"
  | "refuse"
  | "not_found"
  | "cut"
  | "hang"
  | "reply_lost"
  | "error_after"
  | "hang_after"
  | "latch"
  | "large"
  | "duplicate"
  | "forgetful"
  | `slow:${number}`
  | `late:${number}`
  | "none"

export interface EffectLedger {
  url: string
  port: number
  /** What the next deliveries of a name meet, in order; then all is well. */
  misbehave(name: string, faults: Fault[], transaction?: string): Promise<void>
  deliveries(transaction?: string): Promise<Delivery[]>
  /** Lets go what `latch` holds, of a name or all of it. @returns how many. */
  release(name?: string): Promise<number>
  stop(): Promise<void>
}

/** Starts the ledger in a process of its own; see `effect-ledger-server.mjs` for what it can do. */
export async function startEffectLedger(): Promise<EffectLedger> {
  const program = fileURLToPath(new URL("effect-ledger-server.mjs", import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] })
  const [port] = await once(createInterface(child.stdout), "line")
  const url = `http://127.0.0.1:${port}`
  const post = async (path: string, body: unknown): Promise<unknown> => {
    return answerOf(await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) }))
  }
  return {
    url,
    port: Number(port),
    misbehave: async (name, faults, transaction) => {
      await post("/faults", { name, faults, transaction })
    },
    deliveries: async (transaction) => {
      // The ledger's own answer.
      const all = (await answerOf(await fetch(`${url}/deliveries`))) as Delivery[]
      return transaction === undefined ? all : all.filter((delivery) => delivery.transaction === transaction)
    },
    release: async (name) => ((await post("/release", { name })) as { released: number }).released,
    stop: async () => {
      const gone = once(child, "exit")
      child.stdin.end()
      await gone
    },
  }
}

/** @throws where the ledger did not do what it was asked: a fault that was never set would prove a test's promise. */
async function answerOf(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`the ledger answered ${response.status}: ${await response.text()}`)
  return response.json()
}
