/** A task definition as it is answered and as it is sent. */
import { z } from "@hono/zod-openapi"
import { FIELD_TYPES } from "../contract/input-fields.ts"
import { EFFECTS, TASK_KINDS } from "../contract/statuses.ts"
import { BUILT_IN_DEFINITIONS } from "../flow/built-in-definitions.ts"
import { readTaskDefinition, type TaskDefinition as Definition } from "../flow/task-definition.ts"
import { createMask } from "../masking/mask.ts"
import type { NewTaskDefinition } from "../store/queries/insert-task-definition.ts"
import type { TaskDefinitionRow } from "../store/queries/task-definition-row.ts"
import { toProblemItem } from "./compile-flow.ts"
import type { Identity } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import type { Change } from "./record-change.ts"
import { text } from "./texts.ts"

const Field = z.object({
  name: z.string(),
  type: z.enum(FIELD_TYPES),
  required: z.boolean().optional(),
  default: z.unknown().optional(),
  description: z.string().optional(),
})
const json = z.record(z.string(), z.unknown())

export const TaskDefinition = z
  .object({
    name: z.string(),
    type: z.enum(TASK_KINDS),
    description: z.string(),
    config: json,
    input_fields: z.array(Field),
    retry: json.nullable(),
    timeout: json.nullable(),
    effect: z.string().nullable(),
    built_in: z.boolean().openapi({ description: "Comes with Holdfast; one of your own goes before it." }),
    create_user: z.string().nullable(),
    updated_user: z.string().nullable(),
    created_at: z.iso.datetime().nullable(),
    updated_at: z.iso.datetime().nullable(),
  })
  .openapi("TaskDefinition")

/** Only what makes it a request is judged by the contract; the rest is, with all its problems, by the flow language. */
export const TaskDefinitionBody = z
  .looseObject({
    name: text(200).optional(),
    type: z.unknown().openapi({ description: `One of ${TASK_KINDS.join(", ")}.`, example: "rpc" }),
    description: z.unknown().optional(),
    config: z.unknown().optional().openapi({ description: "A task's own config is laid over it, shallow." }),
    input_fields: z
      .unknown()
      .optional()
      .openapi({
        description: `\`[{name, type, required, default, description}]\`; types are ${FIELD_TYPES.join(", ")}.`,
      }),
    retry: z.unknown().optional(),
    timeout: z.unknown().optional(),
    effect: z
      .unknown()
      .optional()
      .openapi({ description: `One of ${EFFECTS.join(", ")}.` }),
    create_user: text(100).optional(),
    updated_user: text(100).optional(),
  })
  .openapi("PutTaskDefinition", {
    example: {
      name: "charge",
      type: "rpc",
      config: { service: "payment", method: "shop.Payment/Charge" },
      input_fields: [{ name: "amount", type: "int", required: true }],
    },
  })

/** What an answer holds: such a body may be sent back after an edit. */
const ANSWERED = new Set(["built_in", "created_at", "updated_at", "create_user", "updated_user"])
const OPTIONAL = new Set(["retry", "timeout", "effect"])

/** @throws {ApiProblem} `task_definition_invalid` with every problem. */
export function readDefinitionBody(
  body: z.output<typeof TaskDefinitionBody>,
  { tenant, actor }: Identity,
): NewTaskDefinition {
  const raw = Object.fromEntries(
    Object.entries(body).filter(
      ([key, value]) => !ANSWERED.has(key) && !(OPTIONAL.has(key) && value === null),
    ),
  )
  const { definition, problems } = readTaskDefinition(raw)
  if (definition === undefined) {
    throw new ApiProblem("task_definition_invalid", {
      detail: `The task definition has ${problems.length === 1 ? "one problem" : `${problems.length} problems`}: see errors.`,
      errors: problems.map((problem) => toProblemItem(problem, "")),
    })
  }
  return { ...definition, tenant, user: body.updated_user ?? body.create_user ?? actor }
}

export function toTaskDefinition({
  created_us: _position,
  ...row
}: TaskDefinitionRow): z.output<typeof TaskDefinition> {
  return { ...row, built_in: false }
}

/** For the audit trail, without members that are named like secrets. One of both is there. */
export function toDefinitionChange(
  action: Change["action"],
  { before, after }: { before?: TaskDefinitionRow; after?: TaskDefinitionRow },
): Change {
  const told = (row: TaskDefinitionRow | undefined) => {
    if (row === undefined) return null
    const { type, description, config, input_fields, retry, timeout, effect } = row
    return createMask().valuesAndNames({ type, description, config, input_fields, retry, timeout, effect })
  }
  return { action, subject: (after ?? before)?.name ?? "", before: told(before), after: told(after) }
}

function toBuiltIn(definition: Definition): z.output<typeof TaskDefinition> {
  return {
    ...definition,
    built_in: true,
    create_user: null,
    updated_user: null,
    created_at: null,
    updated_at: null,
  }
}

/** Those whose name the tenant has not taken. */
export function listBuiltIns(taken: ReadonlySet<string>): z.output<typeof TaskDefinition>[] {
  return BUILT_IN_DEFINITIONS.filter(({ name }) => !taken.has(name)).map(toBuiltIn)
}

export function findBuiltIn(name: string): z.output<typeof TaskDefinition> | undefined {
  const definition = BUILT_IN_DEFINITIONS.find((one) => one.name === name)
  return definition === undefined ? undefined : toBuiltIn(definition)
}
