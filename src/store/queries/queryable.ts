/** A pool, or a client inside a transaction. */
import type { Pool } from "pg"

export type Queryable = Pick<Pool, "query">
