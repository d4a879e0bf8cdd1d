import { createRoute, z } from "@hono/zod-openapi"
import { setFlowActive } from "../../../store/queries/set-flow-active.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Flow, toEtag, toFlow } from "../../flow-view.ts"
import { getFlow } from "../../publish-flow.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference } from "../../texts.ts"

const VERBS = [
  { verb: "activate", active: true, summary: "Let a flow start transactions again" },
  {
    verb: "deactivate",
    active: false,
    summary: "Let a flow start nothing: a start is refused with flow_inactive",
  },
] as const

/** `activate` and `deactivate`: the same change in two directions. */
export const flowActivityRoutes = VERBS.map(({ verb, active, summary }) =>
  defineRoute({
    scope: "flows:write",
    idempotent: "whole",
    contract: createRoute({
      method: "post",
      path: `/api/v1/flows/{id}/${verb}`,
      operationId: `${verb}-flow`,
      tags: ["flows"],
      summary,
      description: "What runs goes on.",
      request: { params: z.object({ id: FlowReference }) },
      responses: { 200: successOf("The flow as it is now.", Flow), ...problemsOf(404, 409, 422) },
    }),
    handler: (services) => async (c) => {
      const { tenant, actor } = c.get("identity")
      const flow = c.req.valid("param").id
      await recordChange(services, authorOf(c), {
        work: (db) => setFlowActive(db, { tenant, flow, active, user: actor }),
        toChange: (changed) =>
          changed && {
            action: `flow.${verb}`,
            subject: changed.name,
            before: { id: changed.id, is_active: !active },
            after: { id: changed.id, is_active: active },
          },
      })
      const row = await getFlow(services, { tenant, flow })
      return c.json(success(toFlow(row)), 200, { etag: toEtag(row) })
    },
  }),
)
