import { z } from "zod"
import type { Connection } from "../../contract/connections.ts"
import { timestamp } from "./columns.ts"

export const CONNECTION_COLUMNS =
  "name, settings, version::text as version, created_at, updated_at, updated_by"

export const ConnectionRow = z.object({
  name: z.string(),
  // Only what the schema of connections accepted is ever stored.
  settings: z.custom<Connection>((value) => typeof value === "object" && value !== null),
  version: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
  updated_by: z.string(),
})
export type ConnectionRow = z.output<typeof ConnectionRow>
