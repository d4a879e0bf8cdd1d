/** Ten secrets or more over every kind of connection, at targets that give them back: none may be found afterwards. */
import { randomBytes, randomUUID } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { type AddressInfo, createServer as createTcpServer } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { Connection as TemporalConnection, Client } from "@temporalio/client"
import { Aedes } from "aedes"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { TASK_QUEUE } from "../../src/contract/messages.ts"
import { ROLES } from "../../src/contract/roles.ts"
import { createMask } from "../../src/masking/mask.ts"
import { createLogger, installTemporalRuntime } from "../../src/app/logger.ts"
import { type Holdfast, startHoldfast } from "../../src/app/start.ts"
import { isEndStatus } from "../../src/contract/statuses.ts"
import { createClient } from "../../src/sdk/client.ts"
import { parseMasterKeys } from "../../src/store/secrets/master-keys.ts"
import {
  type Certificate,
  createAuthority,
  openssl,
} from "../../src/activities/outbound/certificates.testsuite.ts"
import {
  type EchoTarget,
  startGrpcEcho,
  startKeyEcho,
  startMariaDbVault,
  startNatsEcho,
  startRabbitmqEcho,
} from "../helpers/echo-targets.ts"
import { mariadb } from "../helpers/mariadb.ts"
import { findOptionalServer } from "../helpers/optional-server.ts"
import { findRabbitmq } from "../helpers/rabbitmq.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const SHAPES = [
  (tail: string) => `pl4in${tail}`,
  (tail: string) => `sp"ace '${tail}' \\ end`,
  (tail: string) => `a/b+c=d&e?f#${tail}%2F`,
  (tail: string) => `{"k":"${tail}"},[\`$&$1]`,
  (tail: string) => `(.*)|^${tail}$+?<b>&amp;`,
  (tail: string) => `${BigInt(`0x${tail}`)}`,
  (tail: string) => `\\u00e9\\n${tail}\\\\`,
  (tail: string) => Buffer.from(tail).toString("base64"),
  (tail: string) => `é£ÿ-${tail}`,
  (tail: string) => `~${tail}!'()*`,
]
const [nats, rabbitmq] = [findOptionalServer("nats-server"), findRabbitmq()]
const WAYS = [
  "http",
  "http-fails",
  "rpc",
  "postgres",
  "mqtt",
  "grpc",
  ...(mariadb === undefined ? [] : ["mysql" as const]),
  ...(nats === undefined ? [] : ["nats" as const]),
  ...(rabbitmq === undefined ? [] : ["rabbitmq" as const]),
] as const
type Way = (typeof WAYS)[number] | "key"

/** At whose targets no call fails on purpose. */
const ALWAYS_DONE = new Set<Way>(["http", "postgres", "mqtt", "mysql", "nats", "rabbitmq", "key"])

/** Private keys, by the names of their secrets. */
const keys = new Map<string, Certificate>()
const authority = openssl === undefined ? undefined : createAuthority()
for (const name of ["planted-900", "planted-901"])
  if (authority !== undefined) keys.set(name, authority.issue({ names: "DNS:holdfast", commonName: name }))

const secrets: { name: string; value: string; way: Way }[] = [
  ...WAYS.flatMap((way, at) =>
    SHAPES.map((shape, n) => ({
      name: `planted-${at * SHAPES.length + n}`,
      value: shape(randomBytes(6).toString("hex")),
      way,
    })),
  ),
  ...[...keys].map(([name, { key }]) => ({ name, value: key, way: "key" as const })),
]
const ofWay = (way: Way) => secrets.filter((secret) => secret.way === way)

/** As targets spell them, written here anew: what the code under test believes is no measure. */
function spell(value: string): string[] {
  const base64 = Buffer.from(value).toString("base64")
  const form = new URLSearchParams({ v: value }).toString().slice(2)
  return [
    value,
    base64,
    base64.replace(/=+$/, ""),
    Buffer.from(value).toString("base64url"),
    encodeURIComponent(value),
    form,
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value)).slice(3, -3),
  ]
}

/** As a `Basic` credential; its middle, whose characters hold bits of the secret alone, is what must be gone. */
function toBasic(value: string): { whole: string; middle: string } {
  const whole = Buffer.from(`me:${value}`).toString("base64")
  return { whole, middle: whole.slice(4, -4) }
}

/** A part of a private key is one too many. */
function linesOfKey(value: string): string[] {
  return value.startsWith("-----BEGIN")
    ? value.split("\n").filter((line) => line.length > 20 && !line.startsWith("-"))
    : []
}

let stops: (() => Promise<unknown>)[] = []
let holdfast: Holdfast
let logFile: string
let databaseUrl: string
let temporal: Client
/** Secrets that a target was given, or keeps. */
const given = new Set<string>()

/** The reply of a target that tells everything it was told. */
function echo(value: string): object {
  given.add(value)
  return {
    forms: [...spell(value), toBasic(value).whole],
    number: /^\d{1,15}$/.test(value) ? Number(value) : 0,
    [value]: 1,
    token: "keep",
  }
}

beforeAll(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-planted-"))
  stops.push(() => rm(directory, { recursive: true }))
  logFile = path.join(directory, "log")
  const database = await createTestDatabase()
  stops.push(() => database.drop())
  databaseUrl = database.url
  const { address, namespace } = await testTemporal()
  const connection = await TemporalConnection.connect({ address })
  stops.push(() => connection.close())
  temporal = new Client({ connection, namespace })
  const mask = createMask()
  const logger = createLogger({ level: "debug", output: logFile, mask: mask.text })
  installTemporalRuntime(logger)
  holdfast = await startHoldfast({
    databaseUrl,
    temporal: { connection: { address }, namespace },
    http: { host: "127.0.0.1", port: 0 },
    auth: { mode: "off" },
    roles: ROLES,
    queueNames: [TASK_QUEUE],
    workerConcurrency: 50,
    connections: [],
    secrets: {},
    masterKeys: parseMasterKeys(randomBytes(32).toString("base64")),
    mask,
    mode: "local",
    logger,
  })
  stops.push(() => holdfast.stop())
  // The worker has read them all by the time they count: what a log line says of a secret is what was learnt.
  logger.info("ready")
})
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop()
  stops = []
})

async function startEcho(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume()
    request.on("end", () => {
      // Node gives header bytes as latin1, which is what undici sent.
      const value = String(request.headers["x-api-key"])
      const fails = request.url?.includes("fail") === true
      response.writeHead(fails ? 418 : 200, {
        "content-type": "application/json",
        "x-echo": encodeURIComponent(value),
      })
      response.end(JSON.stringify(echo(value)))
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  stops.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function startBroker(): Promise<number> {
  const broker = await Aedes.createBroker({
    authenticate: (_client, _user, password, done) => {
      const known = secrets.find(({ value }) => value === password?.toString())
      if (known !== undefined) given.add(known.value)
      done(null, known !== undefined)
    },
  })
  const server = createTcpServer(broker.handle)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  stops.push(async () => {
    await new Promise<void>((resolve) => broker.close(resolve))
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A database whose users have the secrets as passwords, and which keeps them in a table. */
async function startVault(): Promise<URL> {
  const database = await createTestDatabase("empty")
  const admin = new pg.Client(database.url)
  await admin.connect()
  await admin.query("create table vault (name text, plain text, spelled json)")
  await admin.query("grant select on vault to public")
  const roles: string[] = []
  const prefix = `p_${randomBytes(4).toString("hex")}_`
  for (const { name, value, way } of secrets) {
    if (way !== "postgres") continue
    const role = prefix + name.replace("-", "_")
    roles.push(role)
    await admin.query(`create role ${role} login password ${pg.escapeLiteral(value)}`)
    await admin.query("insert into vault values ($1, $2, $3)", [name, value, JSON.stringify(echo(value))])
  }
  stops.push(async () => {
    await admin.query(`drop owned by ${roles.join(", ")}`)
    await admin.query(`drop role ${roles.join(", ")}`)
    await admin.end()
    await database.drop()
  })
  const url = new URL(database.url)
  url.username = prefix
  return url
}

async function ask(method: string, target: string, body?: object): Promise<{ status: number; text: string }> {
  const response = await fetch(`${holdfast.apiUrl}/api/v1${target}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  })
  return { status: response.status, text: await response.text() }
}

async function read<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

/** Written beside the transactions, which may have ended already. */
const listAttempted = async () =>
  (await read<{ run: string }>("select distinct instance_id as run from txn_attempt")).map(({ run }) => run)

async function dumpTables(): Promise<string> {
  const tables = await read<{ name: string }>(
    `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'`,
  )
  const parts: string[] = []
  for (const { name } of tables) {
    const rows = await read<{ line: string }>(
      `select to_jsonb(t)::text as line, t::text as plain from ${name} t`,
    )
    parts.push(name, JSON.stringify(rows), ...rows.flatMap((row) => Object.values(row)))
  }
  return parts.join("\n")
}

/** Of a run, until it has ended or stands still. */
async function followEvents(run: string): Promise<string> {
  const leaving = new AbortController()
  const response = await fetch(`${holdfast.apiUrl}/api/v1/transactions/${run}/events`, {
    signal: leaving.signal,
  })
  let text = ""
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    if (/^event: (?:transaction\.ended|exception\.opened)$/m.test(text)) break
  }
  leaving.abort()
  return text
}

/** Every payload as text, beside the export itself. */
function textsOf(value: unknown): string[] {
  if (value instanceof Uint8Array)
    return [Buffer.from(value).toString("utf8"), Buffer.from(value).toString("base64")]
  if (typeof value === "string") return [value]
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => [name, ...textsOf(member)])
}

async function startTargets(): Promise<Map<Way, EchoTarget>> {
  const targets = await Promise.all([
    startGrpcEcho(echo).then((target) => ["grpc", target] as const),
    mariadb && startMariaDbVault(mariadb, ofWay("mysql"), echo).then((target) => ["mysql", target] as const),
    nats && startNatsEcho(nats, ofWay("nats"), echo).then((target) => ["nats", target] as const),
    rabbitmq &&
      startRabbitmqEcho(rabbitmq, ofWay("rabbitmq"), echo).then((target) => ["rabbitmq", target] as const),
    authority && startKeyEcho(authority, keys, echo).then((target) => ["key", target] as const),
  ])
  const started = new Map<Way, EchoTarget>(targets.filter((one) => typeof one === "object"))
  for (const target of started.values()) stops.push(() => target.stop())
  return started
}

test("23: no secret is found in logs, rows, histories or answers", { timeout: 300_000 }, async () => {
  const [echoPort, brokerPort, vault, targets] = await Promise.all([
    startEcho(),
    startBroker(),
    startVault(),
    startTargets(),
  ])
  const answers: string[] = []
  const at = { host: "127.0.0.1" }
  const headers = (name: string) => ({ "x-api-key": { secret: name } })
  const client = createClient({ baseUrl: holdfast.apiUrl })
  const runs: string[] = []
  for (const secret of secrets) {
    const { name, value, way } = secret
    const saved = await ask("POST", "/secrets", { name, value })
    expect(saved.status, saved.text).toBe(201)
    answers.push(saved.text)
    const target = targets.get(way)
    const ways: Record<string, object> = {
      http: { kind: "http", base_url: `http://127.0.0.1:${echoPort}`, headers: headers(name) },
      "http-fails": { kind: "http", base_url: `http://127.0.0.1:${echoPort}`, headers: headers(name) },
      rpc: { kind: "http-rpc", ...at, port: echoPort, path: "/{method}", headers: headers(name) },
      postgres: {
        kind: "postgres",
        ...at,
        port: Number(vault.port),
        database: vault.pathname.slice(1),
        user: vault.username + name.replace("-", "_"),
        password_secret: name,
      },
      mqtt: {
        kind: "mqtt",
        ...at,
        port: brokerPort,
        protocol: "3.1.1",
        username: "me",
        password_secret: name,
      },
    }
    const settings = target?.settings(secret) ?? ways[way]
    const created = await ask("POST", "/connections", { name, ...settings })
    expect(created.status, created.text).toBe(201)
    answers.push(created.text)
    const tasks: Record<string, object> = {
      http: { task_name: "http", config: { connection: name, url: "/ok", method: "POST" } },
      "http-fails": { task_name: "http", config: { connection: name, url: "/fail", method: "POST" } },
      rpc: {
        task_name: "rpc",
        config: { service: name, method: Number(name.slice(8)) % 2 === 0 ? "fail" : "ok" },
      },
      postgres: {
        task_name: "db",
        effect: "read",
        config: { connection: name, sql: "select * from vault where name = $1", args: [name] },
      },
      mqtt: { task_name: "mq", config: { connection: name, topic: "planted" } },
    }
    const task = target?.task(secret) ?? tasks[way]
    const flow = name.replace("-", "_")
    await client.publishFlow({
      name: flow,
      output: "${ tasks.t.output }",
      tasks: [{ id: "t", retry: { strategy: "no_retry" }, ...task }],
    })
    const instance_id = `${name}-${randomUUID()}`
    await client.startTransaction({ instance_id, flow_id: flow, params: {} })
    runs.push(instance_id)
  }
  for (const [n, run] of runs.entries()) {
    const { status } = await until(
      () => client.getTransaction(run),
      (transaction) => transaction.status === "blocked" || isEndStatus(transaction.status),
      { timeoutMs: 60_000 },
    )
    const way = secrets[n]?.way ?? "key"
    if (ALWAYS_DONE.has(way)) expect(status, `${run} over ${way}`).toBe("success")
  }
  // Each makes one call.
  await until(listAttempted, (found) => found.length === runs.length)
  for (const { name } of secrets) answers.push((await ask("POST", `/connections/${name}/test`)).text)
  const get = async (target: string) => {
    const { status, text } = await ask("GET", target)
    expect(status, target).toBe(200)
    answers.push(text)
  }
  for (const run of runs) {
    for (const part of ["?fresh=true", "/tasks", "/tasks/t/attempts", "/logs", "/timeline"])
      await get(`/transactions/${run}${part}`)
    answers.push(await followEvents(run))
  }
  for (const list of ["/exceptions", "/connections", "/secrets", "/flows", "/audit", "/transactions"])
    await get(`${list}?page_size=200`)
  for (const summary of ["/exceptions/groups", "/stats/overview", "/stats/metrics"]) await get(summary)
  answers.push(await (await fetch(`${holdfast.apiUrl}/metrics`)).text())
  const histories: string[] = []
  for (const run of runs) {
    const history = await temporal.workflow.getHandle(`default/${run}`).fetchHistory()
    histories.push(...textsOf(history), JSON.stringify(history))
  }
  const places = {
    logs: await readFile(logFile, "utf8"),
    rows: await dumpTables(),
    histories: histories.join("\n"),
    answers: answers.join("\n"),
  }
  // They were all sent, and what came back was kept but for the secrets.
  const notGiven = secrets.filter(({ value }) => !given.has(value))
  // Metadata is ASCII, so that this one is not sent.
  expect(notGiven.map(({ way, value }) => `${way} ${value.slice(0, 2)}`)).toEqual(["grpc é£"])
  for (const [place, text] of Object.entries(places)) expect(text, place).toContain("[redacted]")
  expect(places.histories).toContain("keep")
  const found = Object.entries(places).flatMap(([place, text]) =>
    secrets.flatMap(({ name, value, way }) =>
      [...spell(value), toBasic(value).middle, ...linesOfKey(value)].flatMap((form, n) =>
        text.includes(form) ? [`${place}: ${name} over ${way}, spelling ${n}`] : [],
      ),
    ),
  )
  expect(found).toEqual([])
})
