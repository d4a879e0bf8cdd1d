/** The task definitions that S1's users find in place. A tenant's own definition of the same name goes before. */
import type { TaskDefinition } from "./task-definition.ts"

const common = { retry: null, timeout: null, effect: null } as const

export const BUILT_IN_DEFINITIONS: readonly TaskDefinition[] = [
  {
    ...common,
    name: "deduct",
    type: "rpc",
    description: "Charges a user's account.",
    config: { service: "PaymentService", method: "deduct" },
    input_fields: [
      { name: "user_id", type: "string", required: true },
      { name: "amount", type: "int", required: true },
      { name: "order_id", type: "string", required: true },
    ],
  },
  {
    ...common,
    name: "deduct_inventory",
    type: "rpc",
    description: "Takes goods out of stock. Declares no input fields: everything is sent.",
    config: {},
    input_fields: [],
  },
  {
    ...common,
    name: "notify",
    type: "mq",
    description: "Announces what happened to an order.",
    config: { topic: "payment.completed" },
    input_fields: [
      { name: "user_id", type: "string" },
      { name: "order_id", type: "string" },
      { name: "status", type: "string" },
    ],
  },
  {
    ...common,
    name: "http_request",
    type: "http",
    description: "One HTTP request.",
    config: {},
    input_fields: [{ name: "body", type: "string" }],
  },
  // The kind itself, which S1 lists as a definition.
  {
    ...common,
    name: "db",
    type: "db",
    description: "One statement in one database transaction with its barrier.",
    config: {},
    input_fields: [],
  },
]

const BY_NAME = new Map(BUILT_IN_DEFINITIONS.map((definition) => [definition.name, definition]))

export function findBuiltInDefinition(name: string): TaskDefinition | undefined {
  return BY_NAME.get(name)
}
