import { randomUUID } from "node:crypto"
import { createRoute, z } from "@hono/zod-openapi"
import type { Decision } from "../../../contract/messages.ts"
import { ATTESTATIONS, DECISION_ACTIONS, type DecisionAction } from "../../../contract/statuses.ts"
import { DurationError, parseDuration } from "../../../contract/duration.ts"
import { PendingApproval, toPendingApproval } from "../../approval-view.ts"
import { decide } from "../../decide.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { APPROVE_SCOPE } from "../../four-eyes.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import type { Scope } from "../../scopes.ts"
import { InstanceId, MAX_REASON_CHARACTERS, sentence, text } from "../../texts.ts"

const extension = z.unknown().transform((value, context): number => {
  try {
    return parseDuration(value)
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
    context.issues.push({ code: "custom", message: error.message, input: value })
    return z.NEVER
  }
})

/** `propose` is how the workflow is told of a decision that waits; nobody asks for it by name. */
const ASKED_ACTIONS = DECISION_ACTIONS.filter((action) => action !== "propose")

const DecisionBody = z
  .strictObject({
    action: z.enum(ASKED_ACTIONS),
    request: text(500)
      .optional()
      .openapi({ description: "With approve and reject: the id of the decision that waits." }),
    task: text(200).optional().openapi({ description: "Its path, such as pay. Retry without it takes all." }),
    reason: sentence(MAX_REASON_CHARACTERS),
    output: z.unknown().optional().openapi({ description: "With complete: the task's output." }),
    input: z
      .unknown()
      .optional()
      .openapi({ description: "With retry_with_input: in place of the task's own." }),
    extend_by: extension.optional().openapi({
      type: "string",
      description: "With extend_deadline: seconds as a number, or text such as 30m, 2h or PT1H.",
    }),
    attest: z
      .enum(ATTESTATIONS)
      .optional()
      .openapi({ description: "What a person found out about an effect nobody knows of." }),
    evidence: z.unknown().optional().openapi({ description: "What the attestation rests on." }),
    executed_externally: z.boolean().optional(),
    expected_version: z.int().min(0).optional().openapi({ description: "The version you saw." }),
  })
  .openapi("Decision", {
    example: {
      action: "retry",
      task: "pay",
      reason: "The bank says it never arrived.",
      attest: "not_executed",
    },
  })

const Decided = z
  .object({
    instance_id: z.string(),
    decision_id: z.string(),
    action: z.enum(DECISION_ACTIONS),
    status: z.string(),
    version: z.int(),
    tasks: z.array(z.object({ path: z.string(), status: z.string() })),
    more_tasks: z
      .int()
      .optional()
      .openapi({ description: "How many tasks were decided beyond those listed." }),
  })
  .openapi("Decided")

const Proposed = Decided.extend({ request: PendingApproval }).openapi("Proposed")

export const decideTransactionRoute = defineRoute({
  scope: "transactions:write",
  orScope: "transactions:approve",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions/{id}/decisions",
    operationId: "decide-transaction",
    tags: ["transactions"],
    summary: "Decide about a stopped transaction",
    description:
      "Judged by the running transaction before it is accepted; a refusal answers 409 with its word and changes nothing. `force_close` needs the scope `transactions:force`, `approve` and `reject` need `transactions:approve`, all others `transactions:write`. A decision that takes a second person is answered with 202 and does nothing until somebody else approves it.",
    request: {
      params: z.object({ id: InstanceId }),
      body: { required: true, content: { "application/json": { schema: DecisionBody } } },
    },
    responses: {
      200: successOf("Accepted, with what it led to.", Decided),
      202: successOf("It waits for a second person, and nothing was done yet.", Proposed),
      ...problemsOf(404, 409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor, roles, scopes } = c.get("identity")
    const instance_id = c.req.valid("param").id
    const { extend_by, ...body } = c.req.valid("json")
    for (const scope of scopesFor(body.action))
      if (!scopes.has(scope))
        throw new ApiProblem("forbidden", { detail: `${body.action} needs the scope ${scope}.` })
    const id = c.req.header("idempotency-key") ?? randomUUID()
    const { request, ...answer } = await decide(services, {
      tenant,
      instance_id,
      // JSON has no undefined: a member that is not there is absent, as a decision wants it.
      decision: {
        ...body,
        ...(extend_by === undefined ? {} : { extend_by_ms: extend_by }),
        id,
        actor,
        roles,
      } as Decision,
    })
    const decided = { instance_id, action: body.action, ...answer }
    if (request === undefined) return c.json(success(decided), 200)
    return c.json(success({ ...decided, request: toPendingApproval(request) }), 202)
  },
})

function scopesFor(action: DecisionAction): Scope[] {
  if (action === "approve" || action === "reject") return [APPROVE_SCOPE]
  return action === "force_close" ? ["transactions:write", "transactions:force"] : ["transactions:write"]
}
