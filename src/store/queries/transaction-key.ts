/** How queries name transactions. */

export interface TransactionKey {
  tenant: string
  transaction_id: string
}

/** Transactions that were tried in vain, each as `tenant/transaction_id`. */
export interface FailedNames {
  /** Not to be tried now. */
  cooling: string[]
  /** In the order of their turn. */
  due: string[]
}
