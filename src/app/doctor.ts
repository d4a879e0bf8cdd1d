/** What `holdfast doctor` looks at. Each check says what it found, and what to do when that is not enough. */
// CommonJS, of which plain Node sees the default export alone.
import proto from "@temporalio/proto"
import type { Pool } from "pg"
import { SEARCH_ATTRIBUTES } from "../local/temporal-settings.ts"
import { TASK_QUEUE } from "../contract/messages.ts"
import { findDueMigrations } from "../store/migrate.ts"
import { createPool } from "../store/pool.ts"
import { connectTemporal } from "./connect-temporal.ts"
import { describeError } from "./describe-error.ts"
import { runProbe } from "./doctor-probe.ts"
import type { TemporalTarget } from "./servers.ts"
import { createStopList } from "./stop-list.ts"
import type { StopList } from "./stop-list.ts"

export interface Finding {
  check: string
  /** `bad` makes the command fail; `warning` costs speed or comfort. */
  verdict: "ok" | "warning" | "bad"
  found: string
  /** What to do; absent when all is well. */
  advice?: string
}

export interface DoctorOptions {
  databaseUrl: string | undefined
  temporal: Pick<TemporalTarget, "connection" | "namespace"> | undefined
  nodeVersion: string
  /** May it start a workflow of its own, which tells how quick the server is? */
  probe: "on" | "off"
}

const { TaskQueueType } = proto.temporal.api.enums.v1
const MOST_SKEW_MS = 1_000
const OLDEST_NODE = [20, 19] as const

/** Never throws for what it finds: a check that fails is a finding. */
export async function examine(options: DoctorOptions): Promise<Finding[]> {
  const stops = createStopList()
  try {
    return [
      judgeNode(options.nodeVersion),
      ...(await examinePostgres(options.databaseUrl, stops)),
      ...(await examineTemporal(options, stops)),
    ]
  } finally {
    await stops.stop()
  }
}

export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number)
  const isNew = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])
  if (isNew) return { check: "node", verdict: "ok", found: version }
  return {
    check: "node",
    verdict: "bad",
    found: version,
    advice: `use Node ${OLDEST_NODE.join(".")} or later`,
  }
}

async function examinePostgres(url: string | undefined, stops: StopList): Promise<Finding[]> {
  if (url === undefined)
    return [
      {
        check: "postgres",
        verdict: "warning",
        found: "none is named",
        advice: "set DATABASE_URL; holdfast start brings its own otherwise",
      },
    ]
  try {
    const pool = createPool({ url, max: 1, patienceMs: 5_000 })
    stops.add("the database pool", () => pool.end())
    const { rows } = await pool.query<{ version: string }>("show server_version")
    const reached: Finding = {
      check: "postgres",
      verdict: "ok",
      found: `PostgreSQL ${rows[0]?.version ?? ""}`,
    }
    return [reached, await judgeSchema(pool), await judgeClock(pool)]
  } catch (thrown) {
    return [
      {
        check: "postgres",
        verdict: "bad",
        found: describeError(thrown),
        advice: "check DATABASE_URL and that it is up",
      },
    ]
  }
}

async function judgeSchema(pool: Pool): Promise<Finding> {
  try {
    const due = await findDueMigrations(pool)
    if (due.length === 0) return { check: "schema", verdict: "ok", found: "as this build needs it" }
    const advice = "start a process with the role api, it brings the schema up to date"
    return { check: "schema", verdict: "warning", found: `lacks ${due.join(", ")}`, advice }
  } catch (thrown) {
    return {
      check: "schema",
      verdict: "bad",
      found: describeError(thrown),
      advice: "use the build that fits this database",
    }
  }
}

async function judgeClock(pool: Pool): Promise<Finding> {
  const before = Date.now()
  const { rows } = await pool.query<{ at: Date }>("select clock_timestamp() as at")
  const after = Date.now()
  const at = rows[0]?.at.getTime() ?? Number.NaN
  // It was asked somewhere between the two: what lies outside of them is skew for sure.
  const skewMs = Math.max(0, before - at, at - after)
  const found = `${skewMs} ms apart from Postgres`
  if (skewMs <= MOST_SKEW_MS) return { check: "clock", verdict: "ok", found }
  return { check: "clock", verdict: "warning", found, advice: "run a time service on both machines" }
}

async function examineTemporal({ temporal, probe }: DoctorOptions, stops: StopList): Promise<Finding[]> {
  if (temporal === undefined)
    return [
      {
        check: "temporal",
        verdict: "warning",
        found: "none is named",
        advice: "set TEMPORAL_ADDRESS or a profile; holdfast start brings its own otherwise",
      },
    ]
  const { address } = temporal.connection
  try {
    const { connection, client } = await connectTemporal(temporal)
    stops.add("the connection to Temporal", () => connection.close())
    const { workflowService, operatorService } = client.connection
    const { namespace } = temporal
    const { serverVersion } = await workflowService.getSystemInfo({})
    await workflowService.describeNamespace({ namespace })
    const found: Finding[] = [
      { check: "temporal", verdict: "ok", found: `${serverVersion} at ${address}, namespace ${namespace}` },
    ]
    found.push(await judgeAttributes(() => operatorService.listSearchAttributes({ namespace })))
    found.push(
      ...(await judgePollers((type) =>
        workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: TASK_QUEUE },
          taskQueueType: type,
        }),
      )),
    )
    if (probe === "on") found.push(...(await runProbe(client).catch(describeFailedProbe)))
    return found
  } catch (thrown) {
    const advice = "check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and that it is up"
    return [{ check: "temporal", verdict: "bad", found: `${address}: ${describeError(thrown)}`, advice }]
  }
}

function describeFailedProbe(thrown: unknown): Finding[] {
  const advice = "its speed was not looked at; --no-probe leaves this out"
  return [{ check: "hand-over", verdict: "warning", found: describeError(thrown), advice }]
}

async function judgeAttributes(
  list: () => Promise<{ customAttributes?: Record<string, unknown> | null }>,
): Promise<Finding> {
  const check = "search attributes"
  const advice =
    "holdfast start registers them where it may; without them the memo says the same, and Temporal's console cannot search by it"
  try {
    const { customAttributes } = await list()
    const missing = Object.keys(SEARCH_ATTRIBUTES).filter((name) => customAttributes?.[name] === undefined)
    if (missing.length === 0)
      return { check, verdict: "ok", found: Object.keys(SEARCH_ATTRIBUTES).join(", ") }
    return { check, verdict: "warning", found: `${missing.join(", ")} missing`, advice }
  } catch (thrown) {
    return { check, verdict: "warning", found: describeError(thrown), advice }
  }
}

const QUEUE_TYPES = [
  ["flow-worker", TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
  ["task-worker", TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
] as const

async function judgePollers(
  describe: (type: (typeof QUEUE_TYPES)[number][1]) => Promise<{ pollers?: unknown[] | null }>,
): Promise<Finding[]> {
  return Promise.all(
    QUEUE_TYPES.map(async ([check, type]): Promise<Finding> => {
      const count = (await describe(type)).pollers?.length ?? 0
      const found = `${count} seen by Temporal in the last minutes`
      return count > 0
        ? { check, verdict: "ok", found }
        : { check, verdict: "warning", found, advice: `holdfast start --role ${check}, or all` }
    }),
  )
}
