import { z } from "@hono/zod-openapi"

/** Of a connection or a secret. */
export const SettingName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be letters, digits, _ . - (at most 64)")
