import type { Queryable } from "./queryable.ts"

export interface NewBlob {
  tenant: string
  instance_id: string
  /** Of the content in UTF-8, hex. */
  sha256: string
  bytes: number
  content: string
}

/** Stores a large value of a transaction; what is stored already stays as it is. */
export async function insertBlob(
  db: Queryable,
  { tenant, instance_id, sha256, bytes, content }: NewBlob,
): Promise<void> {
  await db.query({
    name: "insert_blob",
    text: `
      insert into blob (tenant_id, instance_id, sha256, bytes, content) values ($1, $2, $3, $4, $5)
      on conflict do nothing`,
    values: [tenant, instance_id, sha256, bytes, content],
  })
}
