/** Compares what the targets hold with what each order had to do there. */
import { z } from "zod"
import type { OrderOutcome } from "./demo-orders.ts"
import type { Shop } from "./shop/shop.ts"

export interface EffectReport {
  /** For the table, in its order of columns. */
  rows: string[][]
  problems: string[]
}

/** A CloudEvent in structured mode; its data is what the flow published. */
const paidEvent = z.object({ data: z.object({ order_id: z.string(), payment_id: z.string() }) })
const flowOutput = z.object({ payment_id: z.string(), tracking: z.string() })

export async function checkEffects(shop: Shop, outcomes: readonly OrderOutcome[]): Promise<EffectReport> {
  const problems: string[] = []
  const rows: string[][] = []
  for (const outcome of outcomes) {
    const found = await checkOrder(shop, outcome)
    const missing = [...outcome.problems, ...found.problems]
    problems.push(...missing)
    rows.push([...found.row, missing.length === 0 ? "ok" : "NOT AS EXPECTED"])
  }
  return { rows, problems }
}

async function checkOrder(shop: Shop, outcome: OrderOutcome): Promise<{ row: string[]; problems: string[] }> {
  const { orderId, transaction } = outcome
  const problems: string[] = []
  const expect = (what: string, found: unknown, wanted: unknown): void => {
    if (found !== wanted)
      problems.push(`${orderId}: ${what} is ${String(found)} instead of ${String(wanted)}`)
  }
  const charges = shop.payment.ledger().filter((charge) => charge.order_id === orderId)
  const calls = shop.payment.countCalls(orderId)
  const events = shop.events
    .received()
    .filter((message) => message.topic === "orders/paid")
    .map((message) => paidEvent.safeParse(message.body).data?.data)
    .filter((event) => event?.order_id === orderId)
  const { reserved } = await shop.inventory.getStock(outcome.sku)
  const parcels = shop.shipping.parcels().filter((parcel) => parcel.order_id === orderId)
  const output = flowOutput.safeParse(transaction.output).data
  expect("the status", transaction.status, "success")
  expect("the number of charges", charges.length, 1)
  expect("the amount charged", charges[0]?.amount_cents, outcome.amountCents)
  expect("the number of calls to payment", calls, outcome.expectedCalls)
  expect(`the stock of ${outcome.sku} reserved`, reserved, outcome.quantity)
  expect("the number of events", events.length, 1)
  expect("the payment in the event", events[0]?.payment_id, charges[0]?.payment_id)
  expect("the number of parcels", parcels.length, 1)
  expect("payment_id of the output", output?.payment_id, charges[0]?.payment_id)
  expect("tracking of the output", output?.tracking, parcels[0]?.tracking)
  const counts = [calls, charges.length, reserved, events.length, parcels.length].map(String)
  return { row: [orderId, outcome.story, transaction.status, ...counts], problems }
}
