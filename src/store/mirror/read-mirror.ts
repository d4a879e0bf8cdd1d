import type { Pool } from "pg"
import type { ExceptionRow, TaskRow, View } from "../../contract/rows.ts"
import { findMirroredTransaction, type StoredTransaction } from "../queries/find-mirrored-transaction.ts"
import { listMirroredExceptions } from "../queries/list-mirrored-exceptions.ts"
import { listMirroredTasks } from "../queries/list-mirrored-tasks.ts"

/** What the mirror has of a transaction, in the shapes in which the workflow tells it. */
export interface StoredMirror {
  transaction: StoredTransaction
  tasks: TaskRow[]
  exceptions: ExceptionRow[]
}

export async function readMirror(
  pool: Pool,
  key: { tenant: string; transaction_id: string },
): Promise<StoredMirror | undefined> {
  const transaction = await findMirroredTransaction(pool, key)
  if (!transaction) return undefined
  const [tasks, exceptions] = await Promise.all([
    listMirroredTasks(pool, key),
    listMirroredExceptions(pool, key),
  ])
  return { transaction, tasks, exceptions }
}

/** The mirror's rows as if the workflow had answered them. */
export function toView({ transaction, tasks, exceptions }: StoredMirror): View {
  return { transaction: transaction.row, tasks, exceptions, decisions: [], chain: transaction.chain }
}
