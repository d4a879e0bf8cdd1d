import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  attemptRow,
  exceptionRow,
  mirrorChange,
  taskRow,
  transactionRow,
} from "../../../test/helpers/mirror-rows.ts"
import { estimateBytes } from "./estimate-bytes.ts"
import { Pending } from "./pending.ts"

const ALL = 1_000_000

describe("Pending", () => {
  test("keeps one row a key, the newest, whatever order they come in", () => {
    const pending = new Pending(100)
    pending.add(mirrorChange({ history_length: 9, tasks: [taskRow({ status: "success" })] }))
    pending.add(mirrorChange({ history_length: 5, tasks: [taskRow({ status: "running" })] }))
    const [entry] = pending.take(ALL)
    expect(entry?.tasks.get("pay")?.row.status).toBe("success")
    expect(pending.rows()).toBe(0)
  })

  test("takes the second of two rows with the same place in the order", () => {
    const pending = new Pending(100)
    pending.add(mirrorChange({ transaction: transactionRow({ version: 1 }) }))
    pending.add(mirrorChange({ transaction: transactionRow({ version: 2 }) }))
    expect(pending.take(ALL)[0]?.transaction?.row.version).toBe(2)
  })

  test("keeps an earlier payload that the newer row has dropped, but not another generation's", () => {
    const pending = new Pending(100)
    pending.add(
      mirrorChange({
        history_length: 5,
        tasks: [taskRow({ input: 1, output: { id: "p1" }, output_sha256: "ab" })],
      }),
    )
    pending.add(
      mirrorChange({ history_length: 9, tasks: [taskRow({ status: "success", output_dropped: true })] }),
    )
    expect(pending.take(ALL)[0]?.tasks.get("pay")?.row).toMatchObject({
      status: "success",
      input: 1,
      output: { id: "p1" },
      output_sha256: "ab",
    })
    pending.add(mirrorChange({ history_length: 5, tasks: [taskRow({ input: 1, output: 1 })] }))
    pending.add(
      mirrorChange({ history_length: 9, tasks: [taskRow({ generation: 2, output_dropped: true })] }),
    )
    expect(pending.take(ALL)[0]?.tasks.get("pay")?.row).toMatchObject({ input: null, output: null })
  })

  test("lets an output go that the task no longer has although nothing was dropped", () => {
    const pending = new Pending(100)
    pending.add(mirrorChange({ history_length: 5, tasks: [taskRow({ output: 1 })] }))
    pending.add(mirrorChange({ history_length: 9, tasks: [taskRow({ output: null })] }))
    expect(pending.take(ALL)[0]?.tasks.get("pay")?.row.output).toBeNull()
  })

  test("takes whole transactions, the longest waiting first", () => {
    const pending = new Pending(100)
    const tasks = ["a", "b", "c"].map((path) => taskRow({ path }))
    pending.add(mirrorChange({ transaction_id: "order_1", tasks }))
    pending.add(mirrorChange({ transaction_id: "order_2", tasks }))
    pending.add(mirrorChange({ transaction_id: "order_1", transaction: transactionRow() }))
    const taken = pending.take(2)
    expect(taken.map(({ transaction_id, tasks }) => [transaction_id, tasks.size])).toEqual([["order_1", 3]])
    expect(taken[0]?.transaction).toBeDefined()
    expect(pending.rows()).toBe(3)
  })

  test("takes fewer transactions where they are large", () => {
    const pending = new Pending(100)
    const input = "x".repeat(3 * 1024 * 1024)
    for (const transaction_id of ["order_1", "order_2", "order_3", "order_4"])
      pending.add(mirrorChange({ transaction_id, tasks: [taskRow({ input })] }))
    expect(pending.isBatch(100)).toBe(true)
    expect(pending.take(100)).toHaveLength(3)
    expect(pending.isBatch(100)).toBe(false)
    expect(pending.take(100)).toHaveLength(1)
    expect(pending.bytes()).toBe(0)
  })

  test("does not take two lineages of one transaction at once", () => {
    const pending = new Pending(100)
    pending.add(mirrorChange({ tasks: [taskRow()] }))
    pending.add(mirrorChange({ run_id: "run-2", original_run_id: "run-1", tasks: [taskRow()] }))
    expect(pending.take(ALL).map((entry) => entry.reset_run)).toEqual([undefined])
    expect(pending.take(ALL).map((entry) => entry.reset_run)).toEqual(["run-2"])
  })

  test("counts a run that was continued after a reset to the reset's lineage", () => {
    const pending = new Pending(100)
    pending.add(mirrorChange({ run_id: "run-2", original_run_id: "run-1", tasks: [taskRow()] }))
    pending.add(
      mirrorChange({ run_id: "run-3", reset_run: "run-2", chain: 1, tasks: [taskRow({ path: "ship" })] }),
    )
    const taken = pending.take(ALL)
    expect(taken.map((entry) => entry.reset_run)).toEqual(["run-2"])
    expect(taken[0]?.tasks.size).toBe(2)
  })

  test("puts back what could not be written under what came meanwhile, in its old place", () => {
    const pending = new Pending(100)
    pending.add(mirrorChange({ history_length: 5, tasks: [taskRow(), taskRow({ path: "ship" })] }))
    pending.addAttempt(attemptRow({ attempt: 1 }))
    const taken = pending.take(ALL)
    pending.add(mirrorChange({ transaction_id: "order_2", tasks: [taskRow()] }))
    pending.add(mirrorChange({ history_length: 9, tasks: [taskRow({ status: "success" })] }))
    pending.addAttempt(attemptRow({ attempt: 2 }))
    pending.putBack(taken)
    expect(pending.rows()).toBe(5)
    const [first, second] = pending.take(ALL)
    expect(first?.transaction_id).toBe("order_1")
    expect([...(first?.tasks.values() ?? [])].map(({ row }) => row.status)).toEqual(["success", "running"])
    expect(first?.attempts.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(second?.transaction_id).toBe("order_2")
  })
})

describe("Pending, when too much waits", () => {
  test("loses what waits of the transaction that brings one row too many, and keeps the others", () => {
    const pending = new Pending(3)
    pending.add(mirrorChange({ transaction_id: "order_1", tasks: [taskRow({ path: "a" })] }))
    pending.add(
      mirrorChange({ transaction_id: "order_2", tasks: [taskRow({ path: "a" }), taskRow({ path: "b" })] }),
    )
    pending.add(mirrorChange({ transaction_id: "order_2", exceptions: [exceptionRow()] }))
    expect(pending.refused()).toBe(3)
    expect(pending.take(ALL).map((entry) => entry.transaction_id)).toEqual(["order_1"])
  })

  test("still takes newer rows of keys that wait already", () => {
    const pending = new Pending(1)
    pending.add(mirrorChange({ history_length: 5, tasks: [taskRow()] }))
    pending.add(mirrorChange({ history_length: 9, tasks: [taskRow({ status: "success" })] }))
    expect(pending.refused()).toBe(0)
    expect(pending.take(ALL)[0]?.tasks.get("pay")?.row.status).toBe("success")
  })

  test("writes no end over tasks that were lost, but takes a complete change", () => {
    const pending = new Pending(1)
    const two = [taskRow({ path: "a" }), taskRow({ path: "b" })]
    pending.add(mirrorChange({ tasks: two }))
    pending.add(mirrorChange({ history_length: 9, tasks: [taskRow({ path: "c" })] }))
    expect(pending.rows()).toBe(0)
    pending.add(mirrorChange({ history_length: 10, complete: true, transaction: transactionRow() }))
    expect(pending.take(ALL)).toHaveLength(1)
    pending.add(mirrorChange({ tasks: two }))
    pending.add(mirrorChange({ history_length: 20, transaction: transactionRow({ status: "success" }) }))
    expect(pending.take(ALL)).toHaveLength(0)
  })

  test("refuses few rows where they are large, and takes others once those are gone", () => {
    const pending = new Pending(100, 10_000)
    const large = (transaction_id: string) =>
      mirrorChange({ transaction_id, tasks: [taskRow({ input: "x".repeat(6_000) })] })
    pending.add(large("order_1"))
    pending.add(large("order_2"))
    pending.addAttempt(attemptRow({ response: "x".repeat(5_000) }))
    pending.addAttempt(attemptRow())
    expect([pending.rows(), pending.refused()]).toEqual([2, 2])
    expect(pending.losses.next(10).map(({ transaction_id }) => transaction_id)).toEqual(["order_2"])
    pending.take(ALL)
    pending.add(large("order_3"))
    expect([pending.rows(), pending.refused()]).toEqual([1, 2])
  })

  test("counts a large row once, however often it comes", () => {
    const pending = new Pending(100, 10_000)
    for (let at = 1; at <= 20; at++) {
      pending.add(mirrorChange({ history_length: at, tasks: [taskRow({ input: "x".repeat(6_000) })] }))
    }
    expect(pending.refused()).toBe(0)
    pending.add(mirrorChange({ history_length: 21, tasks: [taskRow({ generation: 2 })] }))
    expect(pending.bytes()).toBeLessThan(1_000)
  })

  test("knows the place of the newest row that was lost", () => {
    const pending = new Pending(1)
    pending.add(mirrorChange({ history_length: 9, tasks: [taskRow()] }))
    pending.add(mirrorChange({ history_length: 5, tasks: [taskRow({ path: "ship" })] }))
    expect(pending.losses.next(10)).toEqual([
      { tenant: "default", transaction_id: "order_1", reset_run: undefined, chain: 0, seq: 9 * 2 ** 20 },
    ])
  })

  test("refuses attempts", () => {
    const pending = new Pending(1)
    pending.addAttempt(attemptRow())
    pending.addAttempt(attemptRow({ attempt: 2 }))
    expect([pending.rows(), pending.refused()]).toEqual([1, 1])
  })
})

describe("Pending, any interleaving", () => {
  const step = fc.record({
    transaction: fc.constantFrom("order_1", "order_2", "order_3"),
    path: fc.constantFrom("a", "b", "c"),
    at: fc.nat(20),
    next: fc.constantFrom("push" as const, "take" as const, "take and put back" as const, "attempt" as const),
  })

  const bytesOf = ({ tasks, attempts }: ReturnType<Pending["take"]>[number]) =>
    [...Array.from(tasks.values(), ({ row }) => row), ...attempts].reduce(
      (sum, row) => sum + estimateBytes(row),
      0,
    )

  test("gives every key's newest row, in whatever pieces it is taken", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (steps, size) => {
        const pending = new Pending(ALL)
        const newest = new Map<string, number>()
        const taken = new Map<string, number>()
        let attempts = 0
        const collect = (entries: ReturnType<Pending["take"]>) => {
          for (const entry of entries) {
            attempts -= entry.attempts.length
            for (const [path, { seq }] of entry.tasks) {
              const key = `${entry.transaction_id} ${path}`
              taken.set(key, Math.max(seq, taken.get(key) ?? 0))
            }
          }
        }
        for (const { transaction, path, at, next } of steps) {
          if (next === "attempt") {
            attempts++
            pending.addAttempt(attemptRow({ transaction_id: transaction }))
          } else {
            // A row that came without its input gets it from an older one.
            const row = taskRow({ path, input: at % 3 === 0 ? null : "x".repeat(at), output_dropped: true })
            const change = { transaction_id: transaction, history_length: at, tasks: [row] }
            pending.add(mirrorChange(change))
            const key = `${transaction} ${path}`
            newest.set(key, Math.max(at * 2 ** 20, newest.get(key) ?? 0))
          }
          if (next === "take") collect(pending.take(size))
          if (next === "take and put back") {
            const some = pending.take(size)
            pending.add(
              mirrorChange({ transaction_id: transaction, history_length: 0, tasks: [taskRow({ path })] }),
            )
            newest.set(`${transaction} ${path}`, Math.max(0, newest.get(`${transaction} ${path}`) ?? 0))
            pending.putBack(some)
          }
        }
        const before = pending.rows()
        const bytes = pending.bytes()
        const rest = pending.take(ALL)
        expect(before).toBe(rest.reduce((sum, { tasks, attempts }) => sum + tasks.size + attempts.length, 0))
        expect(bytes).toBe(rest.reduce((sum, entry) => sum + bytesOf(entry), 0))
        collect(rest)
        expect([pending.rows(), pending.bytes()]).toEqual([0, 0])
        expect(attempts).toBe(0)
        expect(taken).toEqual(newest)
      }),
    )
  })
})
