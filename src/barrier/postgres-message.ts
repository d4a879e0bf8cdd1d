/**
 * The barrier's statements within a message of several, which takes no values: they stand in the text, and on a
 * connection that is the server's own the statements are prepared, which halves what they cost there.
 */
import type { ClientBase } from "pg"
import type { BarrierStatement } from "./enter.ts"

interface OwnConnection {
  backend: number
  /** Names of prepared statements by their texts, of which there are few. */
  prepared: Map<string, string>
}

/**
 * Not behind a pooler, where a connection has another backend in each transaction, and a number of the pooler's own.
 */
const ownConnections = new WeakMap<ClientBase, OwnConnection>()

/** @param backend which the server gave in a transaction. */
export function learnBackend(client: ClientBase, backend: number): void {
  if (ownConnections.has(client) || !("processID" in client) || client.processID !== backend) return
  ownConnections.set(client, { backend, prepared: new Map() })
}

/** Known before a transaction begins, where the connection is the server's own. */
export function findBackend(client: ClientBase): number | undefined {
  return ownConnections.get(client)?.backend
}

/** After an error that says so: somebody has made the connection forget what was prepared. */
export function forgetPrepared(client: ClientBase): void {
  ownConnections.get(client)?.prepared.clear()
}

/** Prepares the statement, in a message of its own, when it is the first time here. */
export async function toMessagePart(client: ClientBase, { text, values }: BarrierStatement): Promise<string> {
  const literals = values.map((value) =>
    typeof value === "string" ? client.escapeLiteral(value) : String(value),
  )
  const own = ownConnections.get(client)
  if (own === undefined)
    return text.replaceAll(/\$(\d)/g, (_place, position) => String(literals[Number(position) - 1]))
  return `execute ${await prepare(client, own, text)}(${literals.join(", ")})`
}

async function prepare(client: ClientBase, { prepared }: OwnConnection, text: string): Promise<string> {
  const known = prepared.get(text)
  if (known !== undefined) return known
  const name = `holdfast_${preparations++}`
  await client.query(`prepare ${name} as ${text}`)
  prepared.set(text, name)
  return name
}

/** Of this process: a name that was forgotten halfway is never met again. */
let preparations = 0
