import { expect, test } from "vitest"
import { createCall } from "../calls.testsuite.ts"
import { toEvent } from "./event.ts"

test("a reply is not waited for longer than a timer can", () => {
  const replyWithin = (timeout: number) =>
    toEvent(createCall({ config: { topic: "orders/paid", reply: { timeout } } })).replyWithinMs
  expect(replyWithin(30_000)).toBe(30_000)
  expect(replyWithin(315_360_000_000)).toBe(2_147_483_647)
})
