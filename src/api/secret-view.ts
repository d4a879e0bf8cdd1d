import { z } from "@hono/zod-openapi"
import { DEFAULT_TENANT } from "../contract/messages.ts"
import type { ApiServices } from "./dependencies.ts"

/** Everything but the value, which no route answers. */
export const SecretView = z
  .object({
    name: z.string(),
    source: z.enum(["api", "file"]).openapi({ description: "A file's secrets are changed in the file." }),
    version: z.string().nullable(),
    key_id: z.string().nullable().openapi({ description: "Which master key it is stored under." }),
    created_at: z.iso.datetime().nullable(),
    updated_at: z.iso.datetime().nullable(),
    updated_by: z.string().nullable(),
  })
  .openapi("Secret")

export function listFileSecrets({ fileSecrets = [] }: ApiServices, tenant: string): readonly string[] {
  return tenant === DEFAULT_TENANT ? fileSecrets : []
}
