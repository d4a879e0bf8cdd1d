import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ sha256: z.string(), content: z.string() })
export type BlobRow = z.output<typeof Row>

/** Large values of one transaction; those that are not there are left out. */
export async function listBlobs(
  db: Queryable,
  { tenant, instance_id, sha256s }: { tenant: string; instance_id: string; sha256s: readonly string[] },
): Promise<BlobRow[]> {
  const { rows } = await db.query({
    name: "list_blobs",
    text: "select sha256, content from blob where tenant_id = $1 and instance_id = $2 and sha256 = any($3)",
    values: [tenant, instance_id, sha256s],
  })
  return z.array(Row).parse(rows)
}
