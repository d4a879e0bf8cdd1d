/** A publish request to the definition in it, as it was sent and as it is to be validated. */
import { z } from "@hono/zod-openapi"
import { inspectJson } from "./parse-json.ts"
import { ApiProblem } from "./problem.ts"
import { text } from "./texts.ts"

const carried = {
  flow_type: text(50).optional().openapi({ description: "A word of yours to filter by." }),
  create_user: text(100).optional(),
  updated_user: text(100).optional(),
}

/**
 * Two forms: `{name, definition, ...}`, or the definition itself, known by its `tasks`. The rest of its members
 * belongs to the flow language and is judged there.
 */
export const PublishBody = z
  .looseObject({
    name: text(200).optional(),
    description: text(10_000).optional(),
    ...carried,
    definition: z.unknown().optional().openapi({ description: "The flow: an object, or its JSON text." }),
    tasks: z
      .unknown()
      .optional()
      .openapi({ description: "When it is there, the body is the definition itself." }),
  })
  .openapi("PublishFlow", {
    example: {
      name: "order",
      description: "Charge",
      definition: {
        tasks: [
          { id: "pay", task_name: "rpc", config: { service: "payment", method: "shop.Payment/Charge" } },
        ],
      },
    },
  })
export type PublishBody = z.output<typeof PublishBody>

/** The body that the contract has just accepted, with its members in the order in which they were sent. */
export function asSent(body: unknown): PublishBody {
  // `PublishBody` converts nothing: what it accepts is of its type.
  return body as PublishBody
}

/** What the answer of a read holds: such a body may be sent back after an edit. */
const IGNORED = new Set(["id", "version", "is_active", "created_at", "updated_at", "plan_hash", "warnings"])
const KNOWN = new Set(["name", "description", "definition", "tasks", ...Object.keys(carried)])

export interface Definition {
  /** Stored, and returned as it was sent. */
  source: string
  source_kind: "object" | "string"
  /** To be validated: with the outer name, where only that one is there. */
  value: unknown
  /** Where in the request the definition is. */
  pointer: "" | "/definition"
  description: string
  flow_type: string | undefined
  user: string | undefined
}

/**
 * @throws {ApiProblem} `request_invalid` for a body of neither form, `malformed_json` for a JSON string that no
 * body may hold either, `name_mismatch` when the outer name and the definition's differ.
 */
export function readDefinition(body: PublishBody): Definition {
  const { flow_type, create_user, updated_user, ...rest } = body
  const common = { flow_type, user: updated_user ?? create_user }
  if (rest.tasks !== undefined) {
    const { definition: _absent, ...bare } = rest
    const value = rest.definition === undefined ? bare : rest
    return {
      ...common,
      source: JSON.stringify(value),
      source_kind: "object",
      value,
      pointer: "",
      description: body.description ?? "",
    }
  }
  refuseUnknownMembers(body)
  const { definition } = body
  const document = typeof definition === "string" ? parseObject(definition) : toObject(definition)
  return {
    ...common,
    source: typeof definition === "string" ? definition : JSON.stringify(definition),
    source_kind: typeof definition === "string" ? "string" : "object",
    value: document === undefined ? definition : withName(document, body.name),
    pointer: "/definition",
    description: body.description ?? descriptionOf(document),
  }
}

function refuseUnknownMembers(body: PublishBody): void {
  if (body.definition === undefined) {
    const detail = "Send the flow as definition, or send the definition itself with its tasks."
    throw new ApiProblem("request_invalid", {
      detail,
      errors: [{ pointer: "/definition", code: "required", detail }],
    })
  }
  const errors = Object.keys(body)
    .filter((key) => !KNOWN.has(key) && !IGNORED.has(key))
    .map((key) => ({
      pointer: `/${key}`,
      code: "unrecognized_keys",
      detail: `${key} is not a member of this request.`,
    }))
  if (errors.length > 0) {
    throw new ApiProblem("request_invalid", { detail: errors.map(({ detail }) => detail).join(" "), errors })
  }
}

/** The outer name names the flow; the definition may repeat it, or leave it out. */
function withName(document: object, name: string | undefined): unknown {
  if (name === undefined) return document
  const own: unknown = "name" in document ? document.name : undefined
  if (own === undefined) return { name, ...document }
  if (own === name) return document
  if (typeof own !== "string") return document
  const detail = `The request is named ${JSON.stringify(name)} and its definition ${JSON.stringify(own)}: leave one out, or make them equal.`
  throw new ApiProblem("name_mismatch", {
    detail,
    errors: [{ pointer: "/definition/name", code: "name_mismatch", detail }],
  })
}

/** `undefined` when the text is no JSON object: the flow language says what is wrong with it. */
function parseObject(source: string): object | undefined {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    return undefined
  }
  inspectJson(source, ["definition"])
  return toObject(value)
}

function toObject(value: unknown): object | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined
}

/** Too long or of another type is for the flow language to say; what Postgres cannot hold is replaced. */
function descriptionOf(document: object | undefined): string {
  const own: unknown = document !== undefined && "description" in document ? document.description : undefined
  return typeof own === "string" ? own.replaceAll("\0", "\uFFFD") : ""
}
