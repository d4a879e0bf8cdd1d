/** A connection as the API shows it. Secrets are names in it; what a file states in clear is covered. */
import { z } from "@hono/zod-openapi"
import { connectionSchema } from "../config/connections.ts"
import { type DescriptorSetSummary, summarizeDescriptorSet } from "../connection/descriptor-set.ts"
import { type Connection } from "../contract/connections.ts"
import { isSecretName, REDACTED } from "../contract/secret-names.ts"
import type { TenantConnection } from "./tenant-connections.ts"

export const ConnectionSettings = connectionSchema

export const ConnectionView = z
  .object({
    name: z.string(),
    kind: z.string(),
    source: z.enum(["api", "file"]).openapi({ description: "A file's connections are changed in the file." }),
    version: z.string().nullable().openapi({ description: "Changes with every change; also the ETag." }),
    settings: z.looseObject({ name: z.string(), kind: z.string() }),
    created_at: z.iso.datetime().nullable(),
    updated_at: z.iso.datetime().nullable(),
    updated_by: z.string().nullable(),
  })
  .openapi("Connection")

export function toConnectionView(connection: TenantConnection): z.output<typeof ConnectionView> {
  const { source, settings } = connection
  const { name, kind } = settings
  const stored = source === "api" ? connection : undefined
  return {
    name,
    kind,
    source,
    version: stored?.version ?? null,
    settings: { ...coverCredentials(settings), ...shortDescriptorSet(settings) },
    created_at: stored?.created_at ?? null,
    updated_at: stored?.updated_at ?? null,
    updated_by: stored?.updated_by ?? null,
  }
}

export function toConnectionEtag(version: string): string {
  return `"${version}"`
}

/** Where settings hold a credential in clear: as JSON pointers. */
export function findCredentials(settings: Connection): string[] {
  const url = "base_url" in settings ? new URL(settings.base_url) : undefined
  const found = url !== undefined && (url.username !== "" || url.password !== "") ? ["/base_url"] : []
  for (const [field, entries] of listEntries(settings))
    for (const [name, value] of Object.entries(entries))
      if (typeof value === "string" && isSecretName(name)) found.push(`/${field}/${name}`)
  return found
}

function coverCredentials(settings: Connection): z.output<typeof ConnectionView>["settings"] {
  const covered: Record<string, unknown> = { ...settings }
  for (const pointer of findCredentials(settings)) {
    const [, field = "", name] = pointer.split("/")
    covered[field] = name === undefined ? REDACTED : { ...Object(covered[field]), [name]: REDACTED }
  }
  return { ...covered, name: settings.name, kind: settings.kind }
}

/** Up to 512 KiB that nobody reads: what it is and what is in it instead. */
function shortDescriptorSet(settings: Connection): { descriptor_set?: DescriptorSetSummary } {
  if (settings.kind !== "grpc" || settings.descriptor_set === undefined) return {}
  return { descriptor_set: summarizeDescriptorSet(settings.descriptor_set) }
}

/** Headers, metadata and their like: fields whose members are texts or references. */
function listEntries(settings: Connection): [string, Record<string, unknown>][] {
  return Object.entries(settings).filter(
    (entry): entry is [string, Record<string, unknown>] =>
      typeof entry[1] === "object" && !Array.isArray(entry[1]),
  )
}
