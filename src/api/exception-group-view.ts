/** What failed in the same way, as it is answered. */
import { z } from "@hono/zod-openapi"
import { EXCEPTION_KINDS, SEVERITIES } from "../contract/statuses.ts"
import { toMessageShape } from "../store/mirror/message-shape.ts"
import type { ExceptionGroupRow } from "../store/queries/list-exception-groups.ts"
import type { ApiServices } from "./dependencies.ts"
import { withPrivacy } from "./exception-privacy.ts"

export const ExceptionGroup = z
  .object({
    group: z.string().openapi({ description: "What `group=` takes.", example: "8c1f0e62d7a94b35" }),
    flow_id: z.string(),
    flow_name: z.string(),
    task: z.string().nullable().openapi({ description: "The task's id; null for the transaction itself." }),
    operation: z.string(),
    kind: z.enum(EXCEPTION_KINDS),
    code: z.string().openapi({ example: "HTTP_503" }),
    severity: z.enum(SEVERITIES).openapi({ description: "The worst of its exceptions." }),
    message: z.string().openapi({
      description: "What the messages have in common.",
      example: "order <n> was refused: limit <n>",
    }),
    count: z.int(),
    retry_safe_count: z.int().openapi({ description: "Of how many a plain retry is safe now." }),
    oldest_at: z.iso.datetime(),
    newest_at: z.iso.datetime(),
    example_id: z.int().openapi({ description: "One of its exceptions, which has the whole message." }),
  })
  .openapi("ExceptionGroup")
export type ExceptionGroup = z.output<typeof ExceptionGroup>

export async function viewExceptionGroups(
  services: ApiServices,
  { tenant, rows }: { tenant: string; rows: ExceptionGroupRow[] },
): Promise<ExceptionGroup[]> {
  const found = await withPrivacy(services, { tenant, rows })
  return found.map(({ row, hide }) => {
    const { path, message, instance_id: _example, flow_version: _version, ...facts } = row
    // Hidden first: of a value that was cut to a shape nobody could tell that it is one to hide.
    return { ...facts, task: path === "" ? null : path, message: toMessageShape(hide(message)) }
  })
}
