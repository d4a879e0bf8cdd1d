import { randomUUID } from "node:crypto"
import { createRoute, z } from "@hono/zod-openapi"
import type { Decision } from "../../../contract/messages.ts"
import { ATTESTATIONS, DECISION_ACTIONS } from "../../../contract/statuses.ts"
import { DurationError, parseDuration } from "../../../contract/duration.ts"
import { decide } from "../../decide.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
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

const DecisionBody = z
  .strictObject({
    action: z.enum(DECISION_ACTIONS),
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

export const decideTransactionRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions/{id}/decisions",
    operationId: "decide-transaction",
    tags: ["transactions"],
    summary: "Decide about a stopped transaction",
    description:
      "Judged by the running transaction before it is accepted; a refusal answers 409 with its word and changes nothing. `force_close` needs the scope `transactions:force`.",
    request: {
      params: z.object({ id: InstanceId }),
      body: { required: true, content: { "application/json": { schema: DecisionBody } } },
    },
    responses: { 200: successOf("Accepted, with what it led to.", Decided), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor, roles, scopes } = c.get("identity")
    const instance_id = c.req.valid("param").id
    const { extend_by, ...body } = c.req.valid("json")
    if (body.action === "force_close" && !scopes.has("transactions:force")) {
      throw new ApiProblem("forbidden", { detail: "force_close needs the scope transactions:force." })
    }
    const id = c.req.header("idempotency-key") ?? randomUUID()
    const answer = await decide(services, {
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
    return c.json(success({ instance_id, action: body.action, ...answer }), 200)
  },
})
