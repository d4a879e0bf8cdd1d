/** One attempt with a connector of the test's own, and what came of it. */
import { ApplicationFailure } from "@temporalio/common"
import type { AttemptMarker, CallAnswer, CallFailure, CallInput } from "../contract/activities.ts"
import type { AttemptRow } from "../contract/rows.ts"
import { NO_OUTPUTS } from "../../test/helpers/no-outputs.ts"
import { type AttemptContext, type AttemptFrame, runAttempt } from "./attempt.ts"
import type { CallRequest, Done, Failed, Verdict } from "./call.ts"
import { createPulse } from "./pulse.ts"
import { createSecretStore } from "./secrets.ts"

const NOW = 1_000_000

export interface Trial {
  heartbeats: (AttemptMarker | undefined)[]
  rows: AttemptRow[]
  logged: string[]
  requests: CallRequest[]
  cancel(): void
  run(input?: Partial<CallInput>): Promise<CallAnswer>
}

export function createTrial(
  answer: (request: CallRequest) => Verdict | Promise<Verdict>,
  info: Partial<AttemptContext["info"]> = {},
  parts: Partial<AttemptFrame> = {},
): Trial {
  const heartbeats: Trial["heartbeats"] = []
  const rows: AttemptRow[] = []
  const logged: string[] = []
  const requests: CallRequest[] = []
  const cancellation = new AbortController()
  const secrets = createSecretStore(() => "s3cret-value")
  secrets.read("any")
  const log = (_fields: object, message: string) => void logged.push(message)
  return {
    heartbeats,
    rows,
    logged,
    requests,
    cancel: () => cancellation.abort(),
    run: (input = {}) =>
      runAttempt(
        {
          kind: "http",
          connector: {
            call: async (request) => {
              requests.push(request)
              return answer(request)
            },
            close: () => Promise.resolve(),
          },
          secrets,
          outputs: NO_OUTPUTS,
          pulse: createPulse(),
          recordAttempt: (row) => void rows.push(row),
          logger: { info: log, warn: log, error: log },
          ...parts,
        },
        {
          info: {
            workflowExecution: { workflowId: "acme/order-1", runId: "run-1" },
            activityId: "pay@2",
            attempt: 1,
            scheduledTimestampMs: NOW,
            currentAttemptScheduledTimestampMs: NOW,
            heartbeatDetails: undefined,
            startToCloseTimeoutMs: 30_000,
            ...info,
          },
          cancellationSignal: cancellation.signal,
          heartbeat: (marker) => void heartbeats.push(marker),
        },
        { config: { url: "/x" }, effect: "keyed", ...input },
      ),
  }
}

export const later = (heartbeatDetails: unknown) => ({
  attempt: 3,
  currentAttemptScheduledTimestampMs: NOW + 5_000,
  heartbeatDetails,
})
export const failed = (more: Partial<Failed>): Failed => ({
  class: "unknown",
  code: "HTTP_503",
  message: "answered 503",
  evidence: {},
  ...more,
})
export const done: Done = { class: "done", output: { id: 1 }, evidence: { peer: "127.0.0.1:80" } }

export async function failureOf(
  ended: Promise<unknown>,
): Promise<ApplicationFailure & { detail: CallFailure }> {
  const thrown = await ended.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof ApplicationFailure))
    throw new Error("expected an ApplicationFailure", { cause: thrown })
  // The frame puts nothing else there.
  return Object.assign(thrown, { detail: thrown.details?.[0] as CallFailure })
}
