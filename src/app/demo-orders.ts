/** The three stories of the demo, told over the HTTP API alone. */
import { setTimeout as sleep } from "node:timers/promises"
import { isEndStatus } from "../contract/statuses.ts"
import type { HoldfastClient } from "../sdk/client.ts"
import type { Transaction } from "../sdk/shapes.ts"
import type { Shop } from "./shop/shop.ts"

export interface OrderOutcome {
  orderId: string
  story: string
  sku: string
  quantity: number
  amountCents: number
  transaction: Transaction
  /** What the story had to show on its way and did not. */
  problems: string[]
  /** How often payment had to be asked. */
  expectedCalls: number
}

export interface DemoParts {
  client: HoldfastClient
  shop: Shop
  say: (line: string) => void
}

const PATIENCE_MS = 60_000

export async function runOrders(parts: DemoParts): Promise<OrderOutcome[]> {
  return [await runClean(parts), await runFlakyPayment(parts), await runParkedShipping(parts)]
}

async function runClean({ client, say }: DemoParts): Promise<OrderOutcome> {
  const order = { orderId: "order-1", sku: "lamp", quantity: 1, amountCents: 12_99 }
  say("order-1: nothing goes wrong")
  await place(client, order)
  const transaction = await settle(client, order.orderId)
  say(`order-1: ${transaction.status}`)
  return { ...order, story: "nothing went wrong", transaction, problems: [], expectedCalls: 1 }
}

async function runFlakyPayment({ client, shop, say }: DemoParts): Promise<OrderOutcome> {
  const order = { orderId: "order-2", sku: "chair", quantity: 2, amountCents: 25_98 }
  say("order-2: payment will fail twice, the first time after it charged")
  shop.payment.failNext(order.orderId, "after", "before")
  await place(client, order)
  const transaction = await settle(client, order.orderId)
  const retries = transaction.tasks.find((task) => task.task_id === "pay")?.retry_count
  say(`order-2: ${transaction.status}, retries of payment with the same key: ${retries ?? 0}`)
  const problems = retries === 2 ? [] : [`order-2: pay has retry_count ${retries ?? "none"} instead of 2`]
  return { ...order, story: "payment failed twice", transaction, problems, expectedCalls: 3 }
}

async function runParkedShipping({ client, shop, say }: DemoParts): Promise<OrderOutcome> {
  const order = { orderId: "order-3", sku: "desk", quantity: 3, amountCents: 38_97 }
  say("order-3: the carrier is down")
  shop.shipping.setCarrier("down")
  await place(client, order)
  const parked = await settle(client, order.orderId)
  const problems = parked.status === "blocked" ? [] : [`order-3: is ${parked.status} instead of blocked`]
  const found = await client.listExceptions({ instance_id: order.orderId, handled: false })
  const exception = found.find((one) => one.task === "ship")
  if (exception === undefined) problems.push("order-3: /exceptions shows nothing for ship")
  else {
    say(`order-3: ${parked.status}, exception ${exception.id}: ship stopped with ${exception.error_code}`)
    say(`order-3: the carrier is back; POST /api/v1/exceptions/${exception.id}/retry`)
    shop.shipping.setCarrier("up")
    await client.retryException(exception.id)
  }
  const transaction = await settle(client, order.orderId, "after_repair")
  say(`order-3: ${transaction.status}`)
  return {
    ...order,
    story: "shipping parked, then a person retried",
    transaction,
    problems,
    expectedCalls: 1,
  }
}

interface Order {
  orderId: string
  sku: string
  quantity: number
  amountCents: number
}

async function place(client: HoldfastClient, { orderId, sku, quantity, amountCents }: Order): Promise<void> {
  const params = { order_id: orderId, amount: amountCents / 100, sku, quantity }
  await client.startTransaction({ instance_id: orderId, flow_id: "order", params })
}

/** Polls until the transaction ends or, before a repair, needs a person. The last sight when patience ends. */
async function settle(
  client: HoldfastClient,
  instanceId: string,
  phase: "first_run" | "after_repair" = "first_run",
): Promise<Transaction> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const transaction = await client.getTransaction(instanceId)
    const { status } = transaction
    const isSettled = isEndStatus(status) || (status === "blocked" && phase === "first_run")
    if (isSettled || Date.now() > deadline) return transaction
    await sleep(50)
  }
}
