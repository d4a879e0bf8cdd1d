/** Large outputs in Postgres, as the connectors need them. */
import type { Pool } from "pg"
import { insertBlob, type NewBlob } from "./queries/insert-blob.ts"
import { listBlobs } from "./queries/list-blobs.ts"

/** The transaction whose outputs they are: no other one sees them. */
export type OutputOwner = Pick<NewBlob, "tenant" | "instance_id">

export interface OutputStore {
  keep(owner: OutputOwner, output: { sha256: string; bytes: number; json: string }): Promise<void>
  /** JSON by sha256; what is not there is left out. */
  load(owner: OutputOwner, sha256s: readonly string[]): Promise<ReadonlyMap<string, string>>
}

export function createOutputStore(pool: Pool): OutputStore {
  return {
    keep: (owner, { sha256, bytes, json }) => insertBlob(pool, { ...owner, sha256, bytes, content: json }),
    async load(owner, sha256s) {
      const rows = await listBlobs(pool, { ...owner, sha256s })
      return new Map(rows.map(({ sha256, content }) => [sha256, content]))
    },
  }
}
