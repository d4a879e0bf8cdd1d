import { actionRoute } from "./action-route.ts"

export const resumeTransactionRoute = actionRoute("resume", {
  summary: "Resume a paused transaction",
  description: "What is ready starts.",
})
