import { actionRoute } from "./action-route.ts"

export const cancelTransactionRoute = actionRoute("cancel", {
  summary: "Cancel a transaction",
  description: "Nothing new starts; what runs is asked to stop and awaited. Effects that happened stay.",
})
