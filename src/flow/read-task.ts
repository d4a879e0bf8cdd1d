/** One task of the document: its fields, its kind, and what the kind says of its config. */
import type { TaskKind } from "../contract/statuses.ts"
import { pointerTo, type Report } from "./problem.ts"
import { type Fields, isObject, type Place, readObject } from "./read-object.ts"
import type { KindReading } from "./schema/kind.ts"
import { TaskSchema } from "./schema/task.ts"
import { READ_CONFIG, resolveKind } from "./task-kind.ts"

/** A task as far as it could be read: wrong fields are missing. */
export interface TaskDraft {
  position: number
  pointer: string
  fields: Fields<typeof TaskSchema>
  /** The dependencies' ids; undefined when `depends_on` is wrong in itself. */
  dependsOn: string[] | undefined
  /** Undefined when it cannot be told. */
  config: { kind: TaskKind; reading: KindReading } | undefined
}

export function readTask(
  raw: unknown,
  position: number,
  tools: Omit<Place, "pointer"> & { warn: Report },
): TaskDraft {
  const pointer = pointerTo("/tasks", position)
  const place = { ...tools, pointer }
  const fields = readObject(TaskSchema, raw, place)
  const wrong = isObject(raw) && Object.hasOwn(raw, "depends_on") && fields.depends_on === undefined
  return {
    position,
    pointer,
    fields,
    dependsOn: wrong ? undefined : (fields.depends_on ?? []).map(({ task }) => task),
    config: readConfig(raw, fields, place),
  }
}

function readConfig(
  raw: unknown,
  fields: Fields<typeof TaskSchema>,
  place: Place & { warn: Report },
): TaskDraft["config"] {
  // A config that is no object has been reported; without a name there is nothing to resolve.
  const broken = isObject(raw) && Object.hasOwn(raw, "config") && fields.config === undefined
  if (broken || fields.task_name === undefined) return undefined
  const config = fields.config ?? {}
  const kind = resolveKind(fields.task_name, config, place)
  if (kind === undefined) return undefined
  const at = pointerTo(place.pointer, "config")
  if (fields.config === undefined) {
    place.report({ pointer: at, code: "required", message: `config is missing: ${kind} needs it` })
    return undefined
  }
  return { kind, reading: READ_CONFIG[kind](config, { ...place, pointer: at }) }
}
