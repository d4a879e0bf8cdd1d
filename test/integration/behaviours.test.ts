/**
 * What a flow may say and a person may decide, one behaviour each, on a real worker and a real target. Each is kept
 * for the replay corpus: a build that changes one of them for runs under way fails there.
 */
import { expect } from "vitest"
import { type Behaviour, describeBehaviours } from "../helpers/behaviour.ts"
import { chain, isBlocked, task } from "../helpers/ledger-task.ts"
import type { Fault } from "../helpers/effect-ledger.ts"
import type { Run } from "../helpers/workflow-rig.ts"

const blocked = (run: Run) => run.reaches(isBlocked)
const count = (length: number) => Array.from({ length }, (_, at) => `t${at}`)
const all = (names: string[], status: string) => Object.fromEntries(names.map((name) => [name, status]))

const BEHAVIOURS: Behaviour[] = [
  { name: "no-tasks", flow: { tasks: [] }, ends: "success", tasks: {}, effects: [] },
  {
    name: "diamond",
    flow: {
      output: "${ [tasks.b.output.id, tasks.c.output.id] }",
      tasks: [
        task({ id: "a" }),
        task({ id: "b", depends_on: ["a"] }),
        task({ id: "c", depends_on: ["a"] }),
        task({ id: "d", depends_on: ["b", "c"], when: "${ size([tasks.b.output.id]) == 1 }" }),
      ],
    },
    ends: "success",
    tasks: { a: "success", b: "success", c: "success", d: "success" },
    effects: ["a", "b", "c", "d"],
  },
  {
    name: "skipped-by-when",
    flow: {
      output: "${ coalesce(tasks.gift.output.id, 'none') }",
      tasks: [task({ id: "gift", when: "${ params.gift }" }), task({ id: "ship", depends_on: ["gift"] })],
    },
    params: { gift: false },
    ends: "success",
    tasks: { gift: "skipped", ship: "success" },
    effects: ["ship"],
    sees: (view) => expect(view.transaction.output).toBe("none"),
  },
  {
    name: "pruned-by-when",
    flow: {
      tasks: [
        task({ id: "gift", when: "${ params.gift }", on_skip: "prune" }),
        task({ id: "wrap", depends_on: ["gift"] }),
        task({ id: "ship" }),
      ],
    },
    params: { gift: false },
    ends: "success",
    tasks: { gift: "skipped", wrap: "pruned", ship: "success" },
    effects: ["ship"],
  },
  {
    name: "failed-and-continued",
    flow: {
      tasks: [task({ id: "note", on_error: "continue" }), task({ id: "ship", depends_on: ["note"] })],
    },
    faults: { note: ["refuse"] },
    ends: "success",
    tasks: { note: "failed", ship: "success" },
    effects: ["ship"],
  },
  {
    name: "failed-while-others-finish",
    flow: {
      tasks: [task({ id: "pay", on_error: "fail" }), task({ id: "ship", depends_on: ["pay"] }), ...chain(3)],
    },
    faults: { pay: ["refuse"] },
    ends: "failed",
    tasks: { pay: "failed", ship: "pruned", t0: "success", t1: "success", t2: "success" },
    effects: ["t0", "t1", "t2"],
  },
  {
    name: "manual-retry",
    flow: { tasks: [task({ id: "pay", retry: { strategy: "manual" } })] },
    faults: { pay: ["unavailable"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "retry", task: "pay" })
    },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
  },
  {
    name: "not-retried",
    flow: { tasks: [task({ id: "pay", retry: { strategy: "no_retry" } })] },
    faults: { pay: ["unavailable"] },
    ends: "failed",
    tasks: { pay: "failed" },
    effects: [],
  },
  {
    name: "retried-with-input-twice",
    flow: { tasks: [task({ id: "pay" })] },
    faults: { pay: ["refuse", "refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "retry_with_input", task: "pay", input: { body: { amount: 1 } } })
      await run.reaches((view) => isBlocked(view) && view.tasks[0]?.generation === 2)
      await run.decide({ action: "retry_with_input", task: "pay", input: { body: { amount: 2 } } })
    },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
    sees: (view) => expect(view.tasks[0]?.generation).toBe(3),
  },
  {
    name: "completed-with-output",
    flow: {
      output: "${ tasks.pay.output.receipt }",
      tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })],
    },
    faults: { pay: ["refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "complete", task: "pay", output: { receipt: "by hand, 收据" } })
    },
    ends: "success",
    tasks: { pay: "success", ship: "success" },
    effects: ["ship"],
    sees: ({ transaction }) =>
      expect(transaction).toMatchObject({ output: "by hand, 收据", overridden: true }),
  },
  {
    name: "skipped-by-a-person",
    flow: { tasks: [task({ id: "note" }), task({ id: "ship", depends_on: ["note"] })] },
    faults: { note: ["not_found"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "skip", task: "note" })
    },
    ends: "success",
    tasks: { note: "skipped", ship: "success" },
    effects: ["ship"],
  },
  {
    name: "failed-by-a-person",
    flow: { tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })] },
    faults: { pay: ["refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "fail", task: "pay" })
    },
    ends: "failed",
    tasks: { pay: "failed", ship: "pruned" },
    effects: [],
  },
  {
    name: "aborted",
    flow: { tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] }), task({ id: "note" })] },
    faults: { pay: ["refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "abort" })
    },
    ends: "failed",
    tasks: { pay: "cancelled", ship: "cancelled", note: "success" },
    effects: ["note"],
  },
  {
    name: "cancelled-by-decision",
    flow: { tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })] },
    faults: { pay: ["refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "cancel" })
    },
    ends: "cancelled",
    tasks: { pay: "cancelled", ship: "cancelled" },
    effects: [],
  },
  {
    name: "paused-while-parked",
    flow: { tasks: chain(3) },
    faults: { t0: ["refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "pause" })
      await run.decide({ action: "complete", task: "t0", output: {} })
      await run.reaches(({ transaction }) => transaction.paused)
      await run.decide({ action: "resume" })
    },
    ends: "success",
    tasks: { t0: "success", t1: "success", t2: "success" },
    effects: ["t1", "t2"],
  },
  {
    name: "unknown-repeated-under-its-key",
    flow: { tasks: [task({ id: "pay" })] },
    faults: { pay: ["reply_lost"] },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
  },
  {
    name: "unknown-attested-not-executed",
    flow: { tasks: [task({ id: "pay", effect: "unsafe" })] },
    faults: { pay: ["cut"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "retry", task: "pay", attest: "not_executed" })
    },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
  },
  {
    name: "unknown-attested-executed-and-skipped",
    flow: { tasks: [task({ id: "pay", effect: "unsafe" }), task({ id: "ship", depends_on: ["pay"] })] },
    faults: { pay: ["reply_lost"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "skip", task: "pay", attest: "executed" })
    },
    ends: "success",
    tasks: { pay: "skipped", ship: "success" },
    effects: ["pay", "ship"],
  },
  {
    name: "expression-fails",
    flow: {
      tasks: [
        task({ id: "a" }),
        task({ id: "b", depends_on: ["a"], when: "${ tasks.a.output.missing.deeper == 1 }" }),
      ],
    },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "skip", task: "b" })
    },
    ends: "success",
    tasks: { a: "success", b: "skipped" },
    effects: ["a"],
    sees: (view) => expect(view.exceptions).toMatchObject([{ kind: "flow_error" }]),
  },
  {
    name: "one-at-a-time",
    flow: {
      policy: { max_parallel: 1 },
      tasks: [
        task({ id: "late", priority: 5 }),
        task({ id: "soon", priority: 2 }),
        task({ id: "first", priority: 1 }),
      ],
    },
    ends: "success",
    tasks: { late: "success", soon: "success", first: "success" },
    effects: ["late", "soon", "first"],
  },
  {
    name: "thirty-in-parallel",
    flow: { tasks: count(30).map((id) => task({ id })) },
    ends: "success",
    tasks: all(count(30), "success"),
    effects: count(30),
  },
  {
    name: "plan-as-second-argument",
    flow: { tasks: chain(2) },
    packed: true,
    ends: "success",
    tasks: { t0: "success", t1: "success" },
    effects: ["t0", "t1"],
  },
  {
    name: "attempt-times-out",
    flow: { tasks: [task({ id: "slow", timeout: { attempt: "1s" } })] },
    faults: { slow: ["hang"] },
    ends: "success",
    tasks: { slow: "success" },
    effects: ["slow"],
  },
  {
    name: "signals-in-a-burst",
    flow: { tasks: count(3).map((id) => task({ id })) },
    faults: Object.fromEntries(count(3).map((id) => [id, ["refuse"] as Fault[]])),
    steps: async (run) => {
      await run.reaches((view) => isBlocked(view) && view.transaction.open_exceptions === 3)
      await Promise.all(
        count(3).map((id) => run.handle.signal(id === "t1" ? "skip" : "retry", { task: id, reason: id })),
      )
    },
    ends: "success",
    tasks: { t0: "success", t1: "skipped", t2: "success" },
    effects: ["t0", "t2"],
  },
  {
    name: "deadline-extended-by-update",
    flow: { policy: { timeout: "60s" }, tasks: [task({ id: "pay" })] },
    faults: { pay: ["refuse"] },
    steps: async (run) => {
      await blocked(run)
      await run.decide({ action: "extend_deadline", extend_by_ms: 60_000 })
      await run.decide({ action: "retry", task: "pay" })
    },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
  },
  {
    name: "escalated-and-aborted",
    flow: {
      team: "payments",
      policy: {
        escalate: [
          { after: "200ms", notify: "oncall" },
          { after: "400ms", action: "abort" },
        ],
      },
      tasks: [task({ id: "a" }), task({ id: "pay", depends_on: ["a"] })],
    },
    faults: { pay: ["refuse"] },
    ends: "failed",
    tasks: { a: "success", pay: "cancelled" },
    effects: ["a"],
    sees: (view) =>
      expect(view.exceptions).toMatchObject([
        { escalation_level: 2, escalated_to: "oncall", team: "payments" },
      ]),
  },
  {
    name: "paused-by-escalation",
    flow: {
      policy: { escalate: [{ after: "200ms", action: "pause" }] },
      tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })],
    },
    faults: { pay: ["refuse"] },
    steps: async (run) => {
      await run.reaches((view) => view.transaction.paused)
      await run.handle.signal("skip", { task: "pay", reason: "test" })
      await run.handle.signal("resume", { reason: "test" })
    },
    ends: "success",
    tasks: { pay: "skipped", ship: "success" },
    effects: ["ship"],
  },
  {
    name: "warned-while-retried",
    flow: {
      tasks: [
        task({
          id: "pay",
          retry: { strategy: "auto", max_attempts: 6, interval: "300ms", backoff: 1 },
          early_warning: { after_attempts: 2 },
        }),
      ],
    },
    faults: { pay: ["unavailable", "unavailable", "unavailable"] },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
    sees: (view) =>
      expect(view.exceptions).toMatchObject([{ kind: "early_warning", state: "auto_resolved" }]),
  },
  {
    name: "labels-and-business-key",
    flow: {
      business_key: "${ params.order }",
      labels: { region: "${ coalesce(params.region, 'eu') }" },
      tasks: [task({ id: "pay" })],
    },
    params: { order: "订单-1" },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
  },
  {
    name: "continued-as-new-twice",
    flow: { tasks: chain(16) },
    thresholds: { quiet_events: 30, hold_events: 60 },
    ends: "success",
    tasks: all(count(16), "success"),
    effects: count(16),
    sees: (view) => expect(view.chain).toBeGreaterThan(1),
  },
  {
    name: "large-output-by-reference",
    flow: {
      output: "${ {'all': tasks.big.output, 'gift': tasks.gift.output} }",
      tasks: [
        task({ id: "big" }),
        // Whole, it is a value like any other; what it is answered with is as large, and a part of that is asked for.
        task({
          id: "gift",
          output: "${ output.name }",
          depends_on: ["big"],
          config: { connection: "ledger", url: "/do/gift", body: { parts: ["${ tasks.big.output }"] } },
        }),
        task({ id: "peek", depends_on: ["big"], when: "${ tasks.big.output.id == 'large' }" }),
      ],
    },
    faults: { big: ["large"] },
    steps: async (run) => {
      await run.reaches((view) => isBlocked(view) && view.tasks[1]?.status === "success")
      await run.decide({ action: "skip", task: "peek" })
    },
    ends: "success",
    tasks: { big: "success", gift: "success", peek: "skipped" },
    effects: ["big", "gift"],
    sees: ({ transaction, tasks, exceptions }) => {
      expect(tasks[0]?.output).toMatchObject({ by_reference: { task: "big", bytes: 90_024 } })
      expect(transaction.output).toEqual({ all: tasks[0]?.output, gift: "gift" })
      expect(exceptions[0]?.message).toContain("the output of task big")
    },
  },
  {
    name: "large-output-continued-as-new",
    flow: {
      tasks: [
        ...chain(6),
        task({
          id: "last",
          depends_on: ["t5", "t0"],
          config: { connection: "ledger", url: "/do/last", body: "${ tasks.t0.output }" },
        }),
      ],
    },
    faults: { t0: ["large"] },
    thresholds: { quiet_events: 20, hold_events: 60 },
    ends: "success",
    tasks: { ...all(count(6), "success"), last: "success" },
    effects: [...count(6), "last"],
    sees: (view) => expect(view.chain).toBeGreaterThan(0),
  },
  {
    name: "may-be-asked",
    flow: {
      tasks: [
        task({
          id: "pay",
          effect: "unsafe",
          config: {
            connection: "ledger",
            url: "/do/pay",
            body: { task: "pay" },
            poll: { url: "/jobs/${ output.id }", interval: "1s", done_when: "${ output.done }" },
          },
        }),
      ],
    },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
  },
  {
    name: "output-fails",
    flow: { output: "${ tasks.pay.output.missing.deeper }", tasks: [task({ id: "pay" })] },
    ends: "success",
    tasks: { pay: "success" },
    effects: ["pay"],
    sees: ({ transaction, exceptions }) =>
      expect({ output: transaction.output, exceptions }).toMatchObject({
        output: null,
        exceptions: [{ kind: "flow_error" }],
      }),
  },
]

describeBehaviours(BEHAVIOURS)
