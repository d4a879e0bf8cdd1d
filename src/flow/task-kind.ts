/** Which kind a task is of. */
import { TASK_KINDS, type TaskKind } from "../contract/statuses.ts"
import { pointerTo, quote, type Report } from "./problem.ts"
import type { Place } from "./read-object.ts"
import { readDbConfig } from "./schema/db.ts"
import { readHttpConfig } from "./schema/http.ts"
import type { ReadConfig } from "./schema/kind.ts"
import { readMqConfig } from "./schema/mq.ts"
import { readRpcConfig } from "./schema/rpc.ts"

export const READ_CONFIG: Record<TaskKind, ReadConfig> = {
  http: readHttpConfig,
  rpc: readRpcConfig,
  mq: readMqConfig,
  db: readDbConfig,
}

/** Kinds of dsl 1 that this version does not carry out. */
const LATER_KINDS = new Set([
  "choice",
  "map",
  "loop",
  "scope",
  "sub_flow",
  "wait",
  "wait_event",
  "human",
  "emit",
  "set",
  "raise",
  "terminate",
  "workflow",
])

/** Fields that only one kind's config has. The first match counts. */
const SHAPES: readonly { kind: TaskKind; fields: readonly string[] }[] = [
  { kind: "rpc", fields: ["service", "method"] },
  { kind: "mq", fields: ["topic"] },
  { kind: "http", fields: ["url"] },
  { kind: "db", fields: ["operation"] },
  { kind: "db", fields: ["sql"] },
]

/** The kind that the name says, else the one that the config's shape says (with a warning). Undefined is reported. */
export function resolveKind(
  taskName: string,
  config: Record<string, unknown>,
  { pointer, report, nearest, warn }: Place & { warn: Report },
): TaskKind | undefined {
  const named = TASK_KINDS.find((kind) => kind === taskName)
  if (named !== undefined) return named
  const place = { pointer: pointerTo(pointer, "task_name") }
  if (LATER_KINDS.has(taskName)) {
    const message = `the kind ${taskName} is not supported by this version; it has ${TASK_KINDS.join(", ")}`
    report({ ...place, code: "unsupported", message })
    return undefined
  }
  const shape = SHAPES.find(({ fields }) => fields.every((field) => Object.hasOwn(config, field)))
  if (shape === undefined) {
    const meant = nearest(taskName, TASK_KINDS)
    report({
      ...place,
      code: "unknown_task_name",
      message: `${quote(taskName)} is no kind of task, and its config does not show one`,
      fix:
        meant === undefined
          ? `write one of ${TASK_KINDS.join(", ")}, or give the config service and method, topic, url, operation or sql`
          : `did you mean ${meant}?`,
    })
    return undefined
  }
  warn({
    ...place,
    code: "task_name_inferred",
    message: `${quote(taskName)} is taken as ${shape.kind}, because its config has ${shape.fields.join(" and ")}`,
    fix: `write task_name ${quote(shape.kind)}`,
  })
  return shape.kind
}
