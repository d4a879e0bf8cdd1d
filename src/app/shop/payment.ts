/** The demo's payment service: gRPC with reflection, and a ledger by idempotency key. */
import { fileURLToPath } from "node:url"
import { loadPackageDefinition, Server, ServerCredentials, status } from "@grpc/grpc-js"
import type { sendUnaryData, ServerUnaryCall, ServiceClientConstructor } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"

const PROTO = fileURLToPath(new URL("../../../examples/shop/payment.proto", import.meta.url))

export interface Charge {
  payment_id: string
  order_id: string
  amount_cents: number
}

/** `before`: nothing was charged. `after`: it was, but the answer is lost. */
export type FailureMoment = "before" | "after"

export interface PaymentService {
  port: number
  /** What was really charged. */
  ledger: () => readonly Charge[]
  /** How often an order was asked to be charged, failed calls included. */
  countCalls: (orderId: string) => number
  /** The next calls for this order end with UNAVAILABLE, one for each moment. */
  failNext: (orderId: string, ...moments: FailureMoment[]) => void
  stop: () => Promise<void>
}

/** As proto-loader gives it with `keepCase` and `longs: Number`. */
interface ChargeRequest {
  order_id: string
  amount_cents: number
}
type ChargeCall = ServerUnaryCall<ChargeRequest, { payment_id: string }>

export async function startPayment(): Promise<PaymentService> {
  const charges = new Map<string, Charge>()
  const calls = new Map<string, number>()
  const faults = new Map<string, FailureMoment[]>()

  const charge = (call: ChargeCall, answer: sendUnaryData<{ payment_id: string }>): void => {
    const { order_id, amount_cents } = call.request
    calls.set(order_id, (calls.get(order_id) ?? 0) + 1)
    const key = String(call.metadata.get("idempotency-key")[0] ?? "")
    if (key === "") {
      answer({ code: status.INVALID_ARGUMENT, details: "metadata idempotency-key is missing" })
      return
    }
    const moment = faults.get(order_id)?.shift()
    if (moment === "before") {
      answer({ code: status.UNAVAILABLE, details: "the card network does not answer" })
      return
    }
    const made = charges.get(key) ?? { payment_id: `pay_${charges.size + 1}`, order_id, amount_cents }
    charges.set(key, made)
    if (moment === "after") answer({ code: status.UNAVAILABLE, details: "the answer was lost" })
    else answer(null, { payment_id: made.payment_id })
  }

  const server = new Server()
  const definition = loadSync(PROTO, { keepCase: true, longs: Number })
  // The package `shop` with its one service, as written in the proto file above.
  const { shop } = loadPackageDefinition(definition) as unknown as {
    shop: { Payment: ServiceClientConstructor }
  }
  server.addService(shop.Payment.service, { Charge: charge })
  new ReflectionService(definition).addToServer(server)
  const port = await listen(server)
  return {
    port,
    ledger: () => [...charges.values()],
    countCalls: (orderId) => calls.get(orderId) ?? 0,
    failNext: (orderId, ...moments) => void faults.set(orderId, [...(faults.get(orderId) ?? []), ...moments]),
    stop: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}
