import { createHash, randomUUID } from "node:crypto"
import { createRoute, z } from "@hono/zod-openapi"
import { BULK_ACTIONS, type BulkAction } from "../../../contract/bulk.ts"
import { EXCEPTION_KINDS, SEVERITIES, TRANSACTION_STATUSES } from "../../../contract/statuses.ts"
import { findBulkJob } from "../../../store/queries/find-bulk-job.ts"
import type { AuditedBy } from "../../../store/queries/insert-audit-row.ts"
import { insertBulkJob } from "../../../store/queries/insert-bulk-job.ts"
import { type BulkTargets, freeze, MAX_BULK_ITEMS } from "../../bulk/freeze.ts"
import { BulkJob, getBulkJob, viewBulkJob } from "../../bulk/job-view.ts"
import { refuseApprovals } from "../../bulk/refuse-approvals.ts"
import { startBulkJob } from "../../bulk/run-job.ts"
import { durationField } from "../../duration-field.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { MAX_PERSON_CHARACTERS, toExceptionFilter } from "../../exception-query.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference, InstanceId, MAX_REASON_CHARACTERS, sentence, text } from "../../texts.ts"

const MAX_VELOCITY = 100
const MAX_CANARY = 50
const DEFAULT_SETTLE_MS = 10 * 60_000

const common = {
  flow_id: FlowReference.optional(),
  instance_ids: z.array(InstanceId).min(1).max(1_000).optional(),
}

const ExceptionTargets = z
  .strictObject({
    ...common,
    group: z.string().regex(/^[0-9a-f]{16}$/, "must be the group of an exception: 16 hexadecimal digits"),
    kind: z.enum(EXCEPTION_KINDS),
    severity: z.enum(SEVERITIES),
    owner: text(MAX_PERSON_CHARACTERS),
    team: text(MAX_PERSON_CHARACTERS),
  })
  .partial()
  .openapi("BulkExceptionFilter", { description: "Open exceptions that fit all of it." })

const TransactionTargets = z
  .strictObject({
    ...common,
    status: z.enum(TRANSACTION_STATUSES),
    business_key: text(1_000),
    labels: z.record(text(63), text(400)).refine((labels) => Object.keys(labels).length > 0, {
      error: "expected at least one label, got none",
    }),
  })
  .partial()
  .openapi("BulkTransactionFilter", { description: "Transactions that fit all of it." })

/** What answers something that is open. */
const ANSWERS: ReadonlySet<BulkAction> = new Set(["retry", "probe"])

const BulkJobBody = z
  .strictObject({
    action: z.enum(BULK_ACTIONS),
    filter: z.record(z.string(), z.unknown()).openapi({
      description:
        "At least one condition. Of `retry` and `probe`: `group, kind, severity, flow_id, owner, team, instance_ids` of open exceptions. Of the other actions: `status, flow_id, business_key, labels, instance_ids` of transactions.",
    }),
    reason: sentence(MAX_REASON_CHARACTERS),
    dry_run: z.boolean().default(false).openapi({ description: "Freeze and count, and start nothing yet." }),
    velocity: z.number().min(0.1).max(MAX_VELOCITY).default(10).openapi({
      description: "Decisions in a second.",
    }),
    canary: z.int().min(0).max(MAX_CANARY).default(5).openapi({
      description: "So many results are awaited before the rest goes on.",
    }),
    stop_above: z.number().min(0).max(1).default(0.2).openapi({
      description:
        "The share of failures among the canary, and among the last 50 results, above which it stops.",
    }),
    settle_within: durationField
      .pipe(
        z
          .int()
          .min(1_000)
          .max(24 * 3_600_000),
      )
      .optional()
      .openapi({
        type: "string",
        description: "How long results are awaited, 1s to 24h; 10m unless said.",
      }),
  })
  .openapi("BulkJobRequest", {
    example: {
      action: "retry",
      filter: { group: "8c1f0e62d7a94b35" },
      reason: "The bank is back.",
      velocity: 20,
    },
  })

export const createBulkJobRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/bulk-jobs",
    operationId: "create-bulk-job",
    tags: ["bulk jobs"],
    summary: "Decide about many transactions at once",
    description: `What it is about is found now and does not change: ${MAX_BULK_ITEMS} at most. Each decision is taken as a person would take it one by one, with the same guards; what would be refused, such as a retry that could do something twice, is counted and never sent.`,
    request: { body: { required: true, content: { "application/json": { schema: BulkJobBody } } } },
    responses: {
      201: successOf("Made, and at work unless it is a dry run.", BulkJob),
      ...problemsOf(409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const author = authorOf(c)
    const { tenant, actor, roles } = author
    const body = c.req.valid("json")
    const { action, reason, filter, dry_run, velocity, canary, stop_above } = body
    await refuseApprovals(services, { tenant, action, actor })
    const key = { tenant, job_id: toJobId(author, body) }
    // A request whose answer was lost has made it.
    if ((await findBulkJob(services.pool, key)) === undefined) {
      const items = await freeze(services, { action, targets: toTargets(tenant, action, filter) })
      const pace = { velocity, canary, stop_above, settle_ms: body.settle_within ?? DEFAULT_SETTLE_MS }
      await recordChange(services, author, {
        work: (db) => insertBulkJob(db, { ...key, ...pace, action, reason, filter, actor, roles, items }),
        toChange: () => ({
          action: "bulk_job.create",
          subject: key.job_id,
          before: null,
          after: { action, reason, filter, ...pace, dry_run, total: items.length },
        }),
      })
    }
    const job = await getBulkJob(services, key)
    if (!dry_run && job.state === "preview") await startBulkJob(services, tenant, job)
    return c.json(success(await viewBulkJob(services, key)), 201, {
      location: `/api/v1/bulk-jobs/${key.job_id}`,
    })
  },
})

/** The same for the same `Idempotency-Key`: a request that is asked again after a failure makes no second job. */
function toJobId({ tenant, update_id }: AuditedBy, body: object): string {
  if (update_id === null) return randomUUID()
  const hex = createHash("sha256")
    .update(JSON.stringify(["bulk job", tenant, update_id, body]))
    .digest("hex")
  // As a UUID of version 8: whose bits mean what we say.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** @throws {ApiProblem} `request_invalid` that names the condition. */
function toTargets(tenant: string, action: BulkAction, filter: Record<string, unknown>): BulkTargets {
  if (Object.keys(filter).length === 0) throw misfit("/filter", "expected at least one condition, got none")
  if (ANSWERS.has(action)) {
    const { instance_ids, ...conditions } = parse(ExceptionTargets, filter)
    const open = { ...toExceptionFilter(tenant, conditions), instance_ids: instance_ids ?? null, open: true }
    return { of: "exceptions", filter: open }
  }
  const conditions = parse(TransactionTargets, filter)
  return {
    of: "transactions",
    filter: {
      tenant,
      status: conditions.status ?? null,
      flow: conditions.flow_id ?? null,
      business_key: conditions.business_key ?? null,
      labels: conditions.labels ?? null,
      instance_ids: conditions.instance_ids ?? null,
      open: true,
    },
  }
}

function parse<T extends z.ZodType>(schema: T, filter: unknown): z.output<T> {
  const parsed = schema.safeParse(filter)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw misfit(["/filter", ...(issue?.path ?? [])].join("/"), issue?.message ?? "does not fit")
}

function misfit(pointer: string, detail: string): ApiProblem {
  return new ApiProblem("request_invalid", {
    detail: `${pointer.slice(1).replaceAll("/", ".")}: ${detail}.`,
    errors: [{ pointer, code: "invalid", detail }],
  })
}
