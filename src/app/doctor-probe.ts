/**
 * Server settings cannot be asked for, but they can be felt: a workflow without code, whose only task this file
 * answers itself. How long the server takes to hand it over shows `history.transferProcessorMaxPollRPS`; whether a
 * call comes back with the task's answer shows `system.enableActivityEagerExecution`.
 */
import { randomUUID } from "node:crypto"
import type { Client } from "@temporalio/client"
import { msToTs } from "@temporalio/common/lib/time.js"
// CommonJS, of which plain Node sees the default export alone.
import proto from "@temporalio/proto"
import type { Finding } from "./doctor.ts"

const ROUNDS = 5
const PATIENCE = msToTs("30s")
const SLOW_MS = 40
const SCHEDULE_CALL = proto.temporal.api.enums.v1.CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK

/** @throws the client's error when the server does not let it. */
export async function runProbe(client: Client): Promise<Finding[]> {
  const hops: number[] = []
  let isEager = true
  for (let round = 0; round < ROUNDS; round++) {
    const { hopMs, eager } = await probeOnce(client)
    hops.push(hopMs)
    isEager &&= eager
  }
  const median = hops.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
  return [judgeHop(median), judgeEager(isEager)]
}

function judgeHop(medianMs: number): Finding {
  const check = "hand-over"
  const found = `${Math.round(medianMs)} ms until a started workflow reaches a worker`
  if (medianMs < SLOW_MS) return { check, verdict: "ok", found }
  const advice =
    "raise history.transferProcessorMaxPollRPS (deploy/temporal-settings.yaml): its default adds up to 50 ms to every step"
  return { check, verdict: "warning", found, advice }
}

function judgeEager(isEager: boolean): Finding {
  const check = "eager calls"
  if (isEager) return { check, verdict: "ok", found: "on" }
  const advice =
    "set system.enableActivityEagerExecution (deploy/temporal-settings.yaml): it saves a step for each call"
  return { check, verdict: "warning", found: "off", advice }
}

async function probeOnce(client: Client): Promise<{ hopMs: number; eager: boolean }> {
  const { workflowService } = client.connection
  const { namespace } = client.options
  const name = `holdfast-doctor-${randomUUID()}`
  const taskQueue = { name }
  const identity = "holdfast doctor"
  // The poll waits already when the workflow starts, as a worker's does.
  const polled = client.withDeadline(Date.now() + 10_000, () =>
    workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity }),
  )
  // When the start fails, that is what is told; nobody waits for the poll then.
  polled.catch(() => undefined)
  const startedAt = performance.now()
  await workflowService.startWorkflowExecution({
    namespace,
    workflowId: name,
    workflowType: { name: "holdfast-doctor" },
    taskQueue,
    requestId: randomUUID(),
    identity,
    workflowRunTimeout: PATIENCE,
  })
  try {
    const { taskToken } = await polled
    const hopMs = performance.now() - startedAt
    const { activityTasks } = await workflowService.respondWorkflowTaskCompleted({
      namespace,
      taskToken,
      identity,
      commands: [
        {
          commandType: SCHEDULE_CALL,
          scheduleActivityTaskCommandAttributes: {
            activityId: "probe",
            activityType: { name: "probe" },
            taskQueue,
            startToCloseTimeout: PATIENCE,
            scheduleToCloseTimeout: PATIENCE,
            requestEagerExecution: true,
          },
        },
      ],
    })
    return { hopMs, eager: (activityTasks?.length ?? 0) > 0 }
  } finally {
    await workflowService.terminateWorkflowExecution({
      namespace,
      workflowExecution: { workflowId: name },
      reason: "the doctor has seen enough",
      identity,
    })
  }
}
