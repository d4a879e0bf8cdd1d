/** Task definitions: what a `task_name` stands for. A task is the definition with the task's own words over it. */
import { z } from "zod"
import { FIELD_TYPES, type InputField } from "../contract/input-fields.ts"
import { EFFECTS, TASK_KINDS, type TaskKind } from "../contract/statuses.ts"
import { convertInput } from "../expression/convert-input.ts"
import { FLOW_NAME_PATTERN } from "./flow-name.ts"
import { createNearest } from "../contract/nearest.ts"
import { inDocumentOrder, pointerTo, type Problem, quote, type Report } from "./problem.ts"
import { type Fields, isObject, type Place, readObject } from "./read-object.ts"
import { words } from "./schema/fields.ts"
import { RetrySchema, TimeoutSchema } from "./schema/task.ts"
import { readSource } from "./source.ts"
import { READ_CONFIG } from "./task-kind.ts"

/** As it was sent: what compiles a task reads the parts again, with the task's own over them. */
export interface TaskDefinition {
  name: string
  type: TaskKind
  description: string
  config: Record<string, unknown>
  input_fields: DeclaredField[]
  retry: Record<string, unknown> | null
  timeout: Record<string, unknown> | null
  effect: string | null
}

export interface DeclaredField extends Omit<InputField, "required"> {
  required?: boolean | undefined
  description?: string | undefined
}

export type FindDefinition = (name: string) => TaskDefinition | undefined

const FieldSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, {
      error: "a field's name starts with a letter or _, then letters, digits, _ . - up to 64 characters",
    })
    .refine((name) => !(name in Object.prototype), { error: "a name that every JavaScript object has" }),
  type: words(FIELD_TYPES),
  required: z.boolean().optional(),
  default: z.unknown().optional(),
  description: z.string().max(1_000).optional(),
})

const DefinitionSchema = z.strictObject({
  name: z.string().regex(FLOW_NAME_PATTERN, {
    error: "a definition's name starts with a letter or _, then letters, digits, _ . - up to 128 characters",
  }),
  type: words(TASK_KINDS),
  description: z.string().max(10_000).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  input_fields: z.array(z.unknown()).max(200).optional(),
  retry: RetrySchema.optional(),
  timeout: TimeoutSchema.optional(),
  effect: words(EFFECTS).optional(),
})

/** The definition, or everything that is wrong with it, in document order. Never throws for what it holds. */
export function readTaskDefinition(raw: unknown): { definition?: TaskDefinition; problems: Problem[] } {
  const problems: Problem[] = []
  const report: Report = (problem) => void problems.push(problem)
  const document = readSource(raw, report)
  if (problems.length > 0) return { problems }
  const place: Place = { pointer: "", report, nearest: createNearest() }
  const fields = readObject(DefinitionSchema, document, place)
  const { name, type } = fields
  const declared = readFields(fields.input_fields ?? [], place)
  if (TASK_KINDS.some((kind) => kind === name)) {
    const message = `${quote(name)} is a kind of task, and a kind is never redefined`
    report({ pointer: "/name", code: "name_reserved", message, fix: "take another name" })
  }
  if (type !== undefined && fields.config !== undefined) checkConfig(type, fields.config, place)
  if (problems.length > 0 || name === undefined || type === undefined || !isObject(document))
    return { problems: inDocumentOrder(problems, document) }
  const part = (member: string) => {
    const written = document[member]
    return isObject(written) ? written : null
  }
  const definition: TaskDefinition = {
    name,
    type,
    description: fields.description ?? "",
    config: fields.config ?? {},
    input_fields: declared,
    retry: part("retry"),
    timeout: part("timeout"),
    effect: fields.effect ?? null,
  }
  return { definition, problems }
}

/**
 * The task with the definition's words where it has none of its own: config, retry and timeout member by member
 * (shallow), effect as a whole. What is wrong with the task's own stays, to be reported.
 */
export function applyDefinition(
  task: Record<string, unknown>,
  { config, retry, timeout, effect }: TaskDefinition,
): Record<string, unknown> {
  const merged = { ...task }
  for (const [name, defaults] of Object.entries({ config, retry, timeout })) {
    const own = task[name]
    if (defaults === null) continue
    if (own === undefined) merged[name] = defaults
    else if (isObject(own)) merged[name] = { ...defaults, ...own }
  }
  if (effect !== null && task["effect"] === undefined) merged["effect"] = effect
  return merged
}

/** As plans hold them. */
export function toPlanFields({ input_fields: declared }: TaskDefinition): InputField[] | undefined {
  if (declared.length === 0) return undefined
  return declared.map(({ name, type, required, default: value }) => ({
    name,
    type,
    ...(required === true ? { required } : {}),
    ...(value === undefined || value === null ? {} : { default: value }),
  }))
}

function readFields(raw: readonly unknown[], place: Place): DeclaredField[] {
  const fields: DeclaredField[] = []
  for (const [position, one] of raw.entries()) {
    const at = { ...place, pointer: pointerTo("/input_fields", position) }
    const field = readObject(FieldSchema, one, at)
    if (field.name === undefined || field.type === undefined) continue
    if (fields.some(({ name }) => name === field.name)) {
      const message = `there is a field ${quote(field.name)} before`
      place.report({ pointer: pointerTo(at.pointer, "name"), code: "duplicate_field", message })
    }
    checkDefault(field, at)
    fields.push({ ...field, name: field.name, type: field.type })
  }
  return fields
}

function checkDefault({ name, type, default: value }: Fields<typeof FieldSchema>, place: Place): void {
  if (value === undefined || name === undefined || type === undefined) return
  const { problems } = convertInput([{ name, type }], { [name]: value })
  for (const { message } of problems)
    place.report({ pointer: pointerTo(place.pointer, "default"), code: "wrong_type", message })
}

/** What a task may still add is not missed here. */
const INCOMPLETE = new Set(["required", "where_required", "args_mismatch", "not_together"])

function checkConfig(type: TaskKind, config: Record<string, unknown>, place: Place): void {
  const report: Report = (problem) => {
    if (!INCOMPLETE.has(problem.code)) place.report(problem)
  }
  READ_CONFIG[type](config, { ...place, pointer: "/config", report })
}
