/**
 * A message of several statements, and the barrier's among them. It takes no values: they stand in the text, and on a
 * connection that is the server's own the statements are prepared, which halves what they cost there.
 */
import type { ClientBase, QueryResult } from "pg"
import { toError } from "../contract/errors.ts"
import type { BarrierStatement } from "./enter.ts"
import { isStatementGone } from "./postgres-errors.ts"

type MessageResult = QueryResult<Record<string, unknown>>

interface OwnConnection {
  backend: number
  /** Names of prepared statements by their texts, of which there are few. */
  prepared: Map<string, string>
}

/**
 * Not behind a pooler, where a connection has another backend in each transaction, and a number of the pooler's own.
 */
const ownConnections = new WeakMap<ClientBase, OwnConnection>()

/** Known before a transaction begins, where the connection is the server's own. */
export function findBackend(client: ClientBase): number | undefined {
  return ownConnections.get(client)?.backend
}

interface Begun {
  /** Of the last statement. */
  answer: MessageResult
  /** By which whoever waits for the transaction can have it stopped. */
  backend: number | undefined
}

/** Begins a transaction, in one message with the barrier's first statement. The backend is asked for where it is not known. */
export async function beginTogether(
  client: ClientBase,
  statements: readonly string[],
  first: BarrierStatement | undefined,
): Promise<Begun> {
  const known = findBackend(client)
  const question = known === undefined ? ["select pg_backend_pid() as pid"] : []
  const before = [...statements, ...question]
  const message = first === undefined ? before : await append(client, before, first)
  const results = await sendTogether(client, message)
  const answer = results.at(-1)
  if (answer === undefined) throw new Error("the server answered BEGIN with nothing")
  if (known !== undefined) return { answer, backend: known }
  const pid: unknown = results[statements.length]?.rows[0]?.["pid"]
  const backend = typeof pid === "number" ? pid : undefined
  if (backend !== undefined) learnBackend(client, backend)
  return { answer, backend }
}

function learnBackend(client: ClientBase, backend: number): void {
  if (!("processID" in client) || client.processID !== backend) return
  ownConnections.set(client, { backend, prepared: new Map() })
}

interface Ended {
  /** The tag of the server's answer to COMMIT, such as ROLLBACK. */
  command: string | undefined
  /** By the last statement; absent without one. */
  changed: number | null | undefined
}

/** Commits, after the barrier's last statement. */
export async function commitTogether(client: ClientBase, last: BarrierStatement | undefined): Promise<Ended> {
  const ours = last === undefined ? [] : await append(client, [], last)
  const results = await sendTogether(client, [...ours, "commit"])
  return { command: results.at(-1)?.command, changed: results.at(-2)?.rowCount }
}

/** One after the other; one that fails is the last. */
async function sendTogether(client: ClientBase, statements: readonly string[]): Promise<MessageResult[]> {
  const results: unknown = await client.query(statements.join(";\n")).catch((thrown: unknown) => {
    // Somebody has made the connection forget what was prepared.
    if (isStatementGone(toError(thrown))) ownConnections.get(client)?.prepared.clear()
    throw thrown
  })
  // Several statements come back as several results, one as its own, whatever the library's types say.
  return (Array.isArray(results) ? results : [results]) as MessageResult[]
}

/**
 * The message with the statement at its end. When it is the first time here, what comes before it goes on its way
 * already, with the statement's preparation, which waits for the table as the statement does: so within the
 * transaction, by its limits. What is prepared stays when that is rolled back.
 */
async function append(
  client: ClientBase,
  before: readonly string[],
  { text, values }: BarrierStatement,
): Promise<string[]> {
  const literals = values.map((value) =>
    typeof value === "string" ? client.escapeLiteral(value) : String(value),
  )
  const own = ownConnections.get(client)
  if (own === undefined)
    return [
      ...before,
      text.replaceAll(/\$(\d)/g, (_place, position) => String(literals[Number(position) - 1])),
    ]
  const known = own.prepared.get(text)
  const name = known ?? `holdfast_${preparations++}`
  const execute = `execute ${name}(${literals.join(", ")})`
  if (known !== undefined) return [...before, execute]
  await sendTogether(client, [...before, `prepare ${name} as ${text}`])
  own.prepared.set(text, name)
  return [execute]
}

/** Of this process: a name that was forgotten halfway is never met again. */
let preparations = 0
