import { actionRoute } from "./action-route.ts"

export const pauseTransactionRoute = actionRoute("pause", {
  summary: "Pause a transaction",
  description:
    "Nothing new starts until it is resumed; what runs goes on, retries of a call included. The deadline is not moved.",
})
