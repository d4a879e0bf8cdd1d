/** A target is asked what became of a call, and a person closes what cannot be settled: on a real worker and target. */
import { expect } from "vitest"
import { type Behaviour, describeBehaviours } from "../helpers/behaviour.ts"
import { ask, isBlocked, type Sketch, task } from "../helpers/ledger-task.ts"

/** Sent once, under a key that its target only knows when it is asked. */
const pay = (more: Partial<Sketch> = {}) =>
  task({ id: "pay", effect: "unsafe", timeout: { attempt: "700ms" }, probe: ask("find"), ...more })
const ship = task({
  id: "ship",
  depends_on: ["pay"],
  config: {
    connection: "ledger",
    url: "/do/ship",
    method: "POST",
    body: { paid: "${ tasks.pay.output.id }" },
  },
})

const order = (retry: object = {}) =>
  task({
    id: "order",
    compensate: {
      task_name: "http",
      config: { connection: "ledger", url: "/undo/order", method: "POST", body: { key: "${ task.key }" } },
      ...retry,
    },
  })

const undo = (id: string) => ({
  task_name: "http",
  config: { connection: "ledger", url: `/undo/${id}`, method: "POST", body: { key: "${ task.key }" } },
})

const BEHAVIOURS: Behaviour[] = [
  {
    // The call of `late` and the turning back are wanted by the same resume.
    name: "wanted-as-it-turns-back",
    flow: {
      policy: { failure: "compensate" },
      tasks: [
        task({ id: "late", depends_on: ["slow"], compensate: undo("late") }),
        task({ id: "slow", compensate: undo("slow") }),
        pay({
          effect: "keyed",
          retry: { max_attempts: 1 },
          timeout: { attempt: "2500ms" },
          probe: ask("find", {
            config: { connection: "ledger", url: "/find/${ params.gone }", method: "POST" },
          }),
          compensate: undo("pay"),
        }),
      ],
    },
    faults: { slow: ["late:1500"], pay: ["hang"] },
    steps: async (run) => {
      await run.decide({ action: "pause" })
      await run.reaches(
        ({ tasks: [, slow, paid] }) => slow?.status === "success" && paid?.status === "pending",
      )
      await run.decide({ action: "resume" })
    },
    ends: "compensated",
    tasks: { late: "cancelled", slow: "success", pay: "failed" },
    effects: ["slow", "slow-undo"],
  },
  {
    name: "probe-found",
    flow: { tasks: [pay(), ship] },
    faults: { pay: ["reply_lost"], "pay-find": ["unavailable"] },
    ends: "success",
    tasks: { pay: "success", ship: "success" },
    effects: ["pay", "ship"],
    sees: (view) => {
      expect(view.tasks[0]).toMatchObject({
        outcome: "executed",
        output: { id: expect.stringMatching(/^effect-/) },
      })
      expect(view.exceptions).toMatchObject([{ kind: "unknown_outcome", state: "auto_resolved" }])
    },
  },
  {
    name: "probe-fenced-and-sent-anew",
    flow: { tasks: [pay({ probe: ask("fence", { fences: true }) }), ship] },
    faults: { pay: ["hang"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await run.decide({ action: "retry", task: "pay" })
    },
    ends: "success",
    tasks: { pay: "success", ship: "success" },
    effects: ["pay", "ship"],
    sees: (view) => expect(view.tasks[0]).toMatchObject({ generation: 2, outcome: "executed" }),
  },
  {
    name: "probe-asked-by-a-person",
    flow: { tasks: [pay(), ship] },
    // It arrives long after its sender gave up.
    faults: { pay: ["late:1500"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await expect
        .poll(
          async () => {
            await run.decide({ action: "probe", task: "pay" })
            const view = await run.reaches(
              (now) => now.tasks[0]?.status !== "running" && now.tasks[0]?.status !== "pending",
            )
            return view.tasks[0]?.status
          },
          { timeout: 10_000, interval: 700 },
        )
        .toBe("success")
    },
    ends: "success",
    tasks: { pay: "success", ship: "success" },
    effects: ["pay", "ship"],
  },
  {
    name: "probe-before-going-backward",
    flow: {
      policy: { failure: "compensate" },
      tasks: [
        order(),
        pay({
          depends_on: ["order"],
          effect: "keyed",
          retry: { max_attempts: 1 },
          probe: ask("fence", { fences: true }),
          compensate: "none",
        }),
      ],
    },
    faults: { pay: ["hang"] },
    ends: "compensated",
    tasks: { order: "success", pay: "failed" },
    effects: ["order", "order-undo"],
    sees: (view) => expect(view.tasks[1]).toMatchObject({ outcome: "not_executed", reason: "fenced" }),
  },
  {
    name: "force-closed",
    flow: { tasks: [task({ id: "pay", effect: "unsafe" }), ship] },
    faults: { pay: ["reply_lost"] },
    steps: async (run) => {
      await run.reaches(isBlocked)
      await run.decide({ action: "force_close", evidence: "ticket 81" })
    },
    ends: "closed",
    tasks: { pay: "cancelled", ship: "cancelled" },
    effects: ["pay"],
    sees: (view) => expect(view.transaction.error?.message).toContain("It leaves behind: pay (unknown)."),
  },
  {
    name: "force-closed-while-undoing",
    flow: {
      policy: { failure: "compensate" },
      tasks: [order({ retry: { interval: "10m" } }), task({ id: "stock", depends_on: ["order"] })],
    },
    faults: { stock: ["refuse"], "order-undo": ["unavailable"] },
    steps: async (run) => {
      await run.reaches((view) => view.tasks[0]?.compensation === "running")
      await run.decide({ action: "force_close", evidence: "ticket 82" })
    },
    ends: "closed",
    tasks: { order: "success", stock: "failed" },
    effects: ["order"],
    sees: (view) => expect(view.tasks[0]?.compensation).toBe("waived"),
  },
]

describeBehaviours(BEHAVIOURS)
