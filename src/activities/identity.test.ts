import { describe, expect, test } from "vitest"
import { toActivityId, toWorkflowId } from "../contract/names.ts"
import { identifyCall } from "./identity.ts"

const ids = (workflowId: string, activityId: string) => ({
  workflowExecution: { workflowId },
  activityId,
  attempt: 3,
})

describe("identifyCall()", () => {
  test("reads tenant, transaction, path, generation and operation from the ids", () => {
    expect(identifyCall(ids("acme/order/7", "items[3].pay@2:undo"), {})).toEqual({
      tenant: "acme",
      transaction: "order/7",
      task: "items[3].pay",
      generation: 2,
      operation: "undo",
      attempt: 3,
    })
  })

  test("takes the words of the input where an id had to be shortened", () => {
    const transaction = "t".repeat(300)
    const path = "p".repeat(300)
    const shortened = ids(
      toWorkflowId("acme", transaction),
      toActivityId({ path, generation: 2, operation: "do" }),
    )
    expect(identifyCall(shortened, { transaction, path: `${path}@2` })).toMatchObject({
      tenant: "acme",
      transaction,
      task: path,
      generation: 2,
      operation: "do",
    })
  })

  test("knows no foreign ids", () => {
    expect(identifyCall(ids("no-slash", "pay"), {})).toBeUndefined()
    expect(identifyCall({ activityId: "pay", attempt: 1 }, {})).toBeUndefined()
  })
})
