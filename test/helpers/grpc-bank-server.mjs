// A bank over gRPC in a process of its own, which a test can kill in the middle of a call. Its books are in Postgres: a
// row of `delivery` for each call that came, and one of `charge` for each key.
//
//   argv: the port, the database's URL, the descriptor set of `shop.Payment` as base64, and its manner: `answering`,
//   or `silent`, which charges and answers nobody. SIGTERM ends it with all its calls.
import { loadPackageDefinition, Server, ServerCredentials } from "@grpc/grpc-js"
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader"
import pg from "pg"

const [port, connectionString, set, manner] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString, max: 2 })
const definition = loadFileDescriptorSetFromBuffer(Buffer.from(set, "base64"))
const server = new Server()
server.addService(loadPackageDefinition(definition).shop.Payment.service, {
  async Charge({ request, metadata }, reply) {
    const call = [String(metadata.get("idempotency-key")), request.orderId]
    await pool.query("insert into delivery (key, order_id) values ($1, $2)", call)
    await pool.query("insert into charge (key, order_id) values ($1, $2) on conflict do nothing", call)
    if (manner === "answering") reply(null, { paymentId: call[0] })
  },
})
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
  process.stdout.write("ready\n")
})
process.on("SIGTERM", () => {
  server.forceShutdown()
  process.stdin.destroy()
  void pool.end()
})
// The parent holds the other end of stdin: when it goes, so does the bank.
process.stdin.on("end", () => process.exit(0)).resume()
