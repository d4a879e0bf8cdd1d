/** One task of the document: its fields, its kind, and what the kind says of its config. */
import { TASK_KINDS, type TaskKind } from "../contract/statuses.ts"
import { pointerTo, type Report } from "./problem.ts"
import { type Fields, isObject, type Place, readObject } from "./read-object.ts"
import { applyDefinition, type FindDefinition, type TaskDefinition } from "./task-definition.ts"
import type { KindReading } from "./schema/kind.ts"
import { CompensateSchema, ProbeSchema, TaskSchema } from "./schema/task.ts"
import { READ_CONFIG, resolveKind } from "./task-kind.ts"

/** A task as far as it could be read: wrong fields are missing. */
export interface TaskDraft {
  position: number
  pointer: string
  fields: Fields<typeof TaskSchema>
  /** What its name stands for, where that is no kind. */
  definition: TaskDefinition | undefined
  /** The dependencies' ids; undefined when `depends_on` is wrong in itself. */
  dependsOn: string[] | undefined
  /** Undefined when it cannot be told. */
  config: ConfigDraft | undefined
  compensate: CompensateDraft | "none" | undefined
  probe: ProbeDraft | undefined
}

interface ConfigDraft {
  kind: TaskKind
  reading: KindReading
}

/** A call about a task. */
export interface OwnDraft<Schema extends OwnSchema> {
  pointer: string
  fields: Fields<Schema>
  definition: TaskDefinition | undefined
  config: ConfigDraft | undefined
}

type OwnSchema = typeof CompensateSchema | typeof ProbeSchema
export type CompensateDraft = OwnDraft<typeof CompensateSchema>
export type ProbeDraft = OwnDraft<typeof ProbeSchema>

interface Tools extends Omit<Place, "pointer"> {
  warn: Report
  findDefinition: FindDefinition
}

export function readTask(written: unknown, position: number, tools: Tools): TaskDraft {
  const pointer = pointerTo("/tasks", position)
  const place = { ...tools, pointer }
  const definition = definitionOf(written, tools.findDefinition)
  const raw = isObject(written) && definition !== undefined ? applyDefinition(written, definition) : written
  const fields = readObject(TaskSchema, raw, place)
  const wrong = isObject(raw) && Object.hasOwn(raw, "depends_on") && fields.depends_on === undefined
  return {
    position,
    pointer,
    fields,
    definition,
    dependsOn: wrong ? undefined : (fields.depends_on ?? []).map(({ task }) => task),
    config: readConfig(raw, fields, { ...place, definition }),
    compensate:
      fields.compensate === undefined || fields.compensate === "none"
        ? fields.compensate
        : readOwn(CompensateSchema, fields.compensate, {
            ...tools,
            pointer: pointerTo(pointer, "compensate"),
          }),
    probe:
      fields.probe === undefined
        ? undefined
        : readOwn(ProbeSchema, fields.probe, { ...tools, pointer: pointerTo(pointer, "probe") }),
  }
}

function readOwn<Schema extends OwnSchema>(
  schema: Schema,
  written: unknown,
  place: Tools & { pointer: string },
): OwnDraft<Schema> {
  const definition = definitionOf(written, place.findDefinition)
  // What a definition says of its effect is of no matter: a compensation is repeated under its key, a probe reads.
  const raw =
    isObject(written) && definition !== undefined
      ? applyDefinition(written, { ...definition, effect: null })
      : written
  const fields = readObject(schema, raw, place)
  return {
    pointer: place.pointer,
    fields,
    definition,
    config: readConfig(raw, fields, { ...place, definition }),
  }
}

function definitionOf(task: unknown, find: FindDefinition): TaskDefinition | undefined {
  const name = isObject(task) ? task["task_name"] : undefined
  // A kind is what it is: nothing stands between a task and it.
  return typeof name === "string" && !isKind(name) ? find(name) : undefined
}

function isKind(name: string): boolean {
  return TASK_KINDS.some((kind) => kind === name)
}

function readConfig(
  raw: unknown,
  fields: Pick<Fields<typeof TaskSchema>, "config" | "task_name">,
  place: Place & { warn: Report; definition: TaskDefinition | undefined },
): TaskDraft["config"] {
  // A config that is no object has been reported; without a name there is nothing to resolve.
  const broken = isObject(raw) && Object.hasOwn(raw, "config") && fields.config === undefined
  if (broken || fields.task_name === undefined) return undefined
  const config = fields.config ?? {}
  const kind = place.definition?.type ?? resolveKind(fields.task_name, config, place)
  if (kind === undefined) return undefined
  const at = pointerTo(place.pointer, "config")
  if (fields.config === undefined) {
    place.report({ pointer: at, code: "required", message: `config is missing: ${kind} needs it` })
    return undefined
  }
  return { kind, reading: READ_CONFIG[kind](config, { ...place, pointer: at }) }
}
