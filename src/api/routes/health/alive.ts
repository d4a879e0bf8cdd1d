import { createRoute, z } from "@hono/zod-openapi"
import { successOf, success } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"

const Alive = z.object({ status: z.literal("ok") })
const answer = successOf("The process is up.", Alive)
/** S1 looks at `data.status`, S2 at `status` beside it. */
const AliveAnswer = answer.content["application/json"].schema.extend({ status: z.literal("ok") })

/** The same answer under the name each kind of caller asks for. */
export const aliveRoutes = ["/health", "/healthz", "/livez"].map((path) =>
  defineRoute({
    scope: "public",
    contract: createRoute({
      method: "get",
      path,
      operationId: `get-${path.slice(1)}`,
      tags: ["health"],
      summary: "Whether the process is up",
      responses: {
        200: { description: answer.description, content: { "application/json": { schema: AliveAnswer } } },
      },
    }),
    handler: () => (c) => c.json({ ...success({ status: "ok" as const }), status: "ok" as const }, 200),
  }),
)
