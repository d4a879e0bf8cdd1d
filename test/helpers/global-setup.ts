/**
 * Starts one private Postgres and one private Temporal for all integration and chaos tests. It does not wait for
 * them: on a machine without a Temporal server one has to be built first, which takes minutes, and unit tests
 * can run meanwhile. `await-servers.ts` is where the tests that need them wait.
 */
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { randomUUID } from "node:crypto"
import { fileURLToPath } from "node:url"
import { Client } from "pg"
import type { TestProject } from "vitest/node"
import { toError } from "../../src/contract/errors.ts"
import type { LocalContext } from "../../src/local/context.ts"
import { startPostgres } from "../../src/local/postgres.ts"
import { startTemporal } from "../../src/local/temporal.ts"
import type { Servers } from "./servers.ts"

interface Shared {
  file: string
  users: number
  started: Promise<() => Promise<void>>
}

/** Each project evaluates this module for itself; the servers are of the whole process. */
const registry = globalThis as unknown as { [key: symbol]: Shared | undefined }
const KEY = Symbol.for("holdfast.test-servers")

const TEMPLATE_DATABASE = "holdfast_template"

export function setup(project: TestProject): () => Promise<void> {
  const shared = (registry[KEY] ??= begin())
  shared.users++
  project.provide("serversFile", shared.file)
  return async () => {
    shared.users--
    if (shared.users > 0) return
    registry[KEY] = undefined
    const stop = await shared.started
    await stop()
  }
}

function begin(): Shared {
  const stateDir = fileURLToPath(new URL("../../.holdfast", import.meta.url))
  const file = path.join(stateDir, `test-servers-${randomUUID()}.json`)
  const say = (line: string): void => void process.stderr.write(`  ${line}\n`)
  return { file, users: 0, started: start({ stateDir, environment: process.env, say }, file) }
}

/** Never rejects: what went wrong is what the waiting tests are told. Resolves to what stops the servers. */
async function start(context: LocalContext, file: string): Promise<() => Promise<void>> {
  await mkdir(context.stateDir, { recursive: true })
  const running: { stop: () => Promise<void> }[] = []
  const [database, temporal] = await Promise.allSettled([
    startDatabase(context, running),
    startTemporal({ ...context, state: "throwaway", ui: "off" }).then((server) => {
      running.push(server)
      return server.address
    }),
  ])
  const servers: Servers =
    database.status === "fulfilled" && temporal.status === "fulfilled"
      ? {
          status: "up",
          databaseUrl: database.value,
          templateDatabase: TEMPLATE_DATABASE,
          temporalAddress: temporal.value,
        }
      : { status: "failed", reason: describeFailure(database, temporal) }
  await writeFile(`${file}.tmp`, JSON.stringify(servers))
  await rename(`${file}.tmp`, file)
  return async () => {
    await rm(file, { force: true })
    await Promise.all(running.map((server) => server.stop()))
  }
}

async function startDatabase(
  context: LocalContext,
  running: { stop: () => Promise<void> }[],
): Promise<string> {
  const server = await startPostgres({ ...context, state: "throwaway" })
  running.push(server)
  await migrateTemplate(server.url)
  return server.url
}

/** Imported late: most of what can be wrong in the store should not keep Temporal from coming up. */
async function migrateTemplate(url: string): Promise<void> {
  const client = new Client(url)
  await client.connect()
  try {
    await client.query(`create database ${TEMPLATE_DATABASE}`)
  } finally {
    await client.end()
  }
  const { createPool } = await import("../../src/store/pool.ts")
  const { migrate } = await import("../../src/store/migrate.ts")
  const template = new URL(url)
  template.pathname = `/${TEMPLATE_DATABASE}`
  const pool = createPool({ url: template.href })
  try {
    await migrate(pool)
  } finally {
    await pool.end()
  }
}

function describeFailure(...results: PromiseSettledResult<unknown>[]): string {
  return results.flatMap((one) => (one.status === "rejected" ? [toError(one.reason).message] : [])).join("\n")
}
