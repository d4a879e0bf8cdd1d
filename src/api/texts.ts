/** Strings of callers. Postgres holds no NUL in text, so none may come in. */
import { z } from "@hono/zod-openapi"
import { INSTANCE_ID_RULES, MAX_INSTANCE_ID_CHARACTERS } from "../contract/instance-id.ts"

/** Up to `max` characters, no NUL. */
export function text(max: number) {
  return z
    .string()
    .max(max)
    .refine((value) => !value.includes("\0"), "must not contain the character U+0000")
}

/** Something a person wrote and another will read. */
export function sentence(max: number) {
  return z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((value) => !value.includes("\0"), "must not contain the character U+0000")
}

/** A query parameter that is `true` or `false`. */
export const flag = z.enum(["true", "false"]).transform((word) => word === "true")

/** The caller's name of a transaction. */
export const InstanceId = INSTANCE_ID_RULES.reduce(
  (schema, { holds, error }) => schema.refine(holds, { error }),
  z.string(),
).openapi({ minLength: 1, maxLength: MAX_INSTANCE_ID_CHARACTERS, example: "order_001" })

/** A flow by its id or its name. */
export const FlowReference = text(200).openapi({ example: "order" })

export const MAX_REASON_CHARACTERS = 1_000

/**
 * A whole number in a path or a query, written in one way only: `Number()` would also take `0x10`, `1e3`, ` 1`
 * and what it rounds.
 */
export function decimal({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, "must be a whole number in decimal digits")
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .openapi({ type: "integer", minimum: min, maximum: max })
}

/** Of a flow; Postgres holds it as an integer. */
export const VersionNumber = decimal({ min: 1, max: 2_147_483_647 })
export const ExceptionId = decimal({ min: 1, max: Number.MAX_SAFE_INTEGER })

export const BulkJobId = z.uuid()
