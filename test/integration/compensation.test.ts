/** Going backward (design 4.4) on a real worker and a real target, one behaviour each, kept for the replay corpus. */
import { expect } from "vitest"
import { type Behaviour, describeBehaviours } from "../helpers/behaviour.ts"
import { isBlocked, type Sketch, task } from "../helpers/ledger-task.ts"
import { isRefusal } from "../helpers/refusal.ts"

const undo = (id: string, more: object = {}) => ({
  task_name: "http",
  config: { connection: "ledger", url: `/do/${id}-undo`, method: "POST", body: { key: "${ task.key }" } },
  retry: { max_attempts: 3, interval: "50ms", max_interval: "100ms" },
  ...more,
})

/** A task that says how it is undone. */
const undoable = (sketch: Sketch) => task({ compensate: undo(sketch.id), ...sketch })

const policy = { failure: "compensate" }
const saga = [
  undoable({ id: "order" }),
  undoable({ id: "pay", depends_on: ["order"] }),
  undoable({ id: "stock", depends_on: ["pay"] }),
]

const BEHAVIOURS: Behaviour[] = [
  {
    name: "compensated",
    scenario: 37,
    flow: { policy, tasks: saga },
    faults: { stock: ["refuse"] },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "failed" },
    effects: ["order", "pay", "pay-undo", "order-undo"],
    sees: (view) =>
      expect(view.tasks.map(({ compensation }) => compensation)).toEqual([
        "success",
        "success",
        "not_needed",
      ]),
  },
  {
    name: "compensated-unknown",
    flow: { policy, tasks: saga },
    // It has happened and nobody heard of it; then the target is gone.
    faults: { stock: ["reply_lost", "unavailable", "unavailable"] },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "failed" },
    effects: ["order", "pay", "stock", "stock-undo", "pay-undo", "order-undo"],
  },
  {
    name: "compensated-diamond",
    flow: {
      policy: { ...policy, max_parallel: 1, compensation: { concurrency: 1 } },
      tasks: [
        undoable({ id: "a" }),
        undoable({ id: "b", depends_on: ["a"] }),
        undoable({ id: "c", depends_on: ["a"] }),
        undoable({ id: "d", depends_on: ["b", "c"] }),
      ],
    },
    faults: { d: ["refuse"] },
    ends: "compensated",
    tasks: { a: "success", b: "success", c: "success", d: "failed" },
    effects: ["a", "b", "c", "b-undo", "c-undo", "a-undo"],
  },
  {
    name: "compensated-by-cancel",
    flow: { policy: { on_cancel: "compensate" }, tasks: saga },
    faults: { stock: ["refuse"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await run.decide({ action: "cancel" })
    },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "cancelled" },
    effects: ["order", "pay", "pay-undo", "order-undo"],
  },
  {
    name: "compensated-by-temporals-cancel",
    flow: { policy: { on_cancel: "compensate" }, tasks: saga },
    faults: { stock: ["refuse"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await run.handle.cancel()
    },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "cancelled" },
    effects: ["order", "pay", "pay-undo", "order-undo"],
  },
  {
    name: "compensation-parked-and-retried",
    flow: { policy, tasks: saga },
    faults: { stock: ["refuse"], "pay-undo": ["unavailable", "error_after", "unavailable"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await run.decide({ action: "retry", task: "pay" })
    },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "failed" },
    effects: ["order", "pay", "pay-undo", "order-undo"],
    sees: (view) =>
      expect(view.exceptions).toMatchObject([
        { task: "stock" },
        {
          task: "pay",
          operation: "undo",
          kind: "compensation_failed",
          severity: "critical",
          state: "resolved",
        },
      ]),
  },
  {
    name: "compensation-marked-by-a-person",
    flow: { policy, tasks: saga },
    faults: { stock: ["refuse"], "pay-undo": ["refuse"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await run.decide({ action: "mark_compensated", task: "pay", evidence: { refund: "R-7" } })
    },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "failed" },
    effects: ["order", "pay", "order-undo"],
    sees: (view) => expect(view.transaction.overridden).toBe(true),
  },
  {
    name: "compensated-while-a-call-hangs",
    scenario: 38,
    flow: {
      policy: { ...policy, compensation: { drain: "300ms" } },
      tasks: [
        undoable({ id: "slow", timeout: { attempt: "4s" }, retry: { max_attempts: 1 } }),
        task({ id: "first", compensate: "none" }),
        undoable({ id: "stock", depends_on: ["first"] }),
      ],
    },
    faults: { slow: ["hang_after"], first: ["slow:300"], stock: ["refuse"] },
    ends: "compensated",
    tasks: { slow: "cancelled", first: "success", stock: "failed" },
    effects: ["slow", "first", "slow-undo"],
  },
  {
    name: "held-by-the-pivot",
    flow: {
      policy,
      tasks: [
        undoable({ id: "pay" }),
        task({ id: "send", depends_on: ["pay"] }),
        undoable({ id: "tell", depends_on: ["send"], must_succeed: true }),
      ],
    },
    faults: { tell: ["refuse"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await expect(run.decide({ action: "cancel" })).rejects.toSatisfy(isRefusal("pivot_passed"))
      await run.decide({ action: "retry", task: "tell" })
    },
    ends: "success",
    tasks: { pay: "success", send: "success", tell: "success" },
    effects: ["pay", "send", "tell"],
    sees: (view) =>
      expect(view).toMatchObject({
        transaction: { pivot_passed: true },
        exceptions: [{ kind: "pivot_passed" }],
      }),
  },
  {
    name: "compensated-across-a-continue-as-new",
    flow: { policy, tasks: saga },
    thresholds: { quiet_events: 25 },
    faults: { stock: ["refuse"], "pay-undo": ["refuse"] },
    steps: async (run) => {
      await run.reaches((view) => isBlocked(view) && view.chain > 0)
      await run.decide({ action: "retry" })
    },
    ends: "compensated",
    tasks: { order: "success", pay: "success", stock: "failed" },
    effects: ["order", "pay", "pay-undo", "order-undo"],
  },
]

describeBehaviours(BEHAVIOURS)
