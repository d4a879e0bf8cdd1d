import proto from "@temporalio/proto"
import { expect, test } from "vitest"
import { TaskWatch } from "./task-watch.ts"

const { WorkflowActivation } = proto.coresdk.workflow_activation

interface Given {
  length: number
  /** Of the workflow task that it belongs to: its size and time. */
  task: number
  job: object
  isReplaying?: boolean
}

const START = { initializeWorkflow: {} }
const ANSWER = { resolveActivity: { seq: 1 } }
const QUESTION = { queryWorkflow: { queryType: "rows" } }

/** Which of them are early, in this order. */
function watch(...given: Given[]): boolean[] {
  const taskWatch = new TaskWatch()
  return given.map(({ length, task, job, isReplaying = false }) =>
    taskWatch.isEarly(
      WorkflowActivation.fromObject({
        runId: "run",
        historyLength: length,
        historySizeBytes: task * 1_000,
        timestamp: { seconds: task, nanos: 5 },
        isReplaying,
        jobs: [job],
      }),
    ),
  )
}

const start = { length: 3, task: 1, job: START }

test("what comes after a workflow task and before the next one is early", () => {
  const early = { length: 8, task: 1, job: ANSWER }
  expect(watch(start, early, { length: 8, task: 1, job: QUESTION })).toEqual([false, true, false])
  expect(watch(start, early, { length: 10, task: 1, job: ANSWER })).toEqual([false, true, true])
})

test.each([
  ["the next workflow task", { length: 8, task: 2, job: ANSWER }],
  ["what the same workflow task brings later", { length: 3, task: 1, job: ANSWER }],
  ["an update", { length: 8, task: 1, job: { doUpdate: { id: "u" } } }],
  ["a replay", { length: 8, task: 1, job: ANSWER, isReplaying: true }],
  ["a question", { length: 8, task: 1, job: QUESTION }],
])("%s is not", (_, given) => {
  expect(watch(start, given)).toEqual([false, false])
})
