/** Tasks that call the effect ledger, and the short questions that tests ask of a run's view. */
import type { View } from "../../src/contract/rows.ts"

export interface Sketch {
  id: string
  depends_on?: string[]
  [field: string]: unknown
}

const FAST_RETRY = { strategy: "auto", max_attempts: 3, interval: "50ms", max_interval: "100ms" }

/** A task whose effects the ledger keeps. */
export const task = ({ id, ...more }: Sketch) => ({
  id,
  task_name: "http",
  effect: "keyed",
  retry: FAST_RETRY,
  timeout: { attempt: "5s" },
  config: { connection: "ledger", url: `/do/${id}`, method: "POST", body: { task: id } },
  ...more,
})

/** Asks the ledger what became of the call of `pay`; by `fence` its key is closed where there was none. */
export const ask = (door: "find" | "fence", more: object = {}) => ({
  task_name: "http",
  config: { connection: "ledger", url: `/${door}/pay`, method: "POST", body: { key: "${ task.key }" } },
  executed_when: "${ output.found }",
  output: { id: "${ output.id }" },
  retry: { max_attempts: 2, interval: "50ms" },
  ...more,
})

export const chain = (length: number) =>
  Array.from({ length }, (_, at) =>
    task({ id: `t${at}`, ...(at === 0 ? {} : { depends_on: [`t${at - 1}`] }) }),
  )

export const statusesOf = (view: View) =>
  Object.fromEntries(view.tasks.map(({ path, status }) => [path, status]))

export const isBlocked = (view: View) => view.transaction.status === "blocked"
