// The effect ledger: a target in a process of its own, so that no kill of ours can lose what it knows. It
// stores every delivery, and every net effect by idempotency key, and misbehaves on demand.
//
//   POST /do/<name>      a delivery; takes the next fault of `<transaction>/<name>`, else of `<name>`
//   POST /undo/<name>    the same, named `<name>-undo`, with {"key": …} of what it undoes: from then on that key is closed
//   POST /find/<name>    named `<name>-find`, with {"key": …}: whether that key made an effect
//   POST /fence/<name>   named `<name>-fence`, the same, and where there is none that key is closed
//   POST /faults         {"name": "pay", "transaction"?: "t1", "faults": ["unavailable", "reply_lost"]}
//   GET  /deliveries     every delivery, in order
//   POST /release        lets go what `latch` holds: of a {"name": …}, or all of it
import { createServer } from "node:http"

const deliveries = []
const effects = new Map()
const closed = new Set()
const faults = new Map()
let latched = []

// What happens before the effect; returns true when the delivery ends here.
const before = {
  unavailable: (response) => reply(response, 503, { error: "unavailable" }),
  refuse: (response) => reply(response, 422, { error: "refused" }),
  not_found: (response) => reply(response, 404, { error: "not found" }),
  cut: (response) => void response.socket.destroy(),
  hang: () => {},
}
// What happens after it, instead of the reply.
const after = {
  reply_lost: (response) => void response.socket.destroy(),
  error_after: (response) => reply(response, 500, { error: "broken" }),
  hang_after: () => {},
  // More than travels through Temporal.
  large: (response) => reply(response, 200, { text: "大".repeat(30_000), id: "large" }),
}

const server = createServer((request, response) => {
  const chunks = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const text = Buffer.concat(chunks).toString("utf8")
    handle(request, response, text === "" ? null : JSON.parse(text)).catch((error) =>
      reply(response, 599, { error: String(error) }),
    )
  })
})

async function handle(request, response, body) {
  const path = decodeURIComponent(new URL(request.url, "http://ledger").pathname)
  if (path === "/deliveries") return reply(response, 200, deliveries)
  if (path === "/faults") {
    faults.set(body.transaction ? `${body.transaction}/${body.name}` : body.name, [...body.faults])
    return reply(response, 200, {})
  }
  if (path === "/release") {
    const waiting = latched.filter(({ name }) => body.name === undefined || name === body.name)
    latched = latched.filter((one) => !waiting.includes(one))
    for (const { go } of waiting) go()
    return reply(response, 200, { released: waiting.length })
  }
  if (path.startsWith("/do/"))
    return deliver(request, response, { name: path.slice("/do/".length), body, act: perform })
  if (path.startsWith("/undo/"))
    return deliver(request, response, { name: `${path.slice("/undo/".length)}-undo`, body, act: takeBack })
  if (path.startsWith("/find/"))
    return deliver(request, response, { name: `${path.slice("/find/".length)}-find`, body, act: find })
  if (path.startsWith("/fence/"))
    return deliver(request, response, { name: `${path.slice("/fence/".length)}-fence`, body, act: fence })
  return reply(response, 404, { error: "no such door" })
}

/** Once for each key, and never for one that was taken back. */
function perform(delivery) {
  const { key, name, body } = delivery
  if (closed.has(key)) return [409, { error: "taken back" }]
  delivery.effect = !effects.has(key)
  if (delivery.effect) effects.set(key, { id: `effect-${effects.size + 1}` })
  return [200, { ...effects.get(key), name, echo: body }]
}

/** Nothing to take back is fine as well, and is remembered. */
function takeBack(delivery) {
  const { key } = delivery.body
  delivery.effect = effects.has(key) && !closed.has(key)
  closed.add(key)
  return [200, { taken_back: delivery.effect }]
}

function find({ body: { key } }) {
  return [200, { found: effects.has(key), ...effects.get(key) }]
}

function fence(delivery) {
  const { key } = delivery.body
  if (!effects.has(key)) closed.add(key)
  return find(delivery)
}

async function deliver(request, response, { name, body, act }) {
  const header = (key) => request.headers[key] ?? null
  const transaction = header("x-holdfast-transaction")
  const delivery = {
    name,
    transaction,
    key: header("idempotency-key"),
    at: Date.now(),
    body,
    fault: nextFault(transaction, name),
    effect: false,
  }
  deliveries.push(delivery)
  const { fault } = delivery
  if (fault === "latch") await new Promise((go) => latched.push({ name, go }))
  if (fault?.startsWith("slow:")) await new Promise((go) => setTimeout(go, Number(fault.slice(5))))
  // Its sender hears nothing more, and it arrives all the same.
  if (fault?.startsWith("late:")) {
    response.socket.destroy()
    await new Promise((go) => setTimeout(go, Number(fault.slice(5))))
  }
  if (before[fault]) return before[fault](response)
  // What it knew of the key, it has forgotten: the same call is a new one.
  if (fault === "forgetful") effects.delete(delivery.key)
  const answer = act(delivery)
  if (fault === "duplicate") {
    const copy = { ...delivery, effect: false }
    deliveries.push(copy)
    act(copy)
  }
  if (after[fault]) return after[fault](response)
  return reply(response, ...answer)
}

function nextFault(transaction, name) {
  for (const key of [`${transaction}/${name}`, name]) {
    const script = faults.get(key)
    if (script?.length) return script.shift()
  }
  return null
}

function reply(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`))
// The parent holds the other end of stdin: when it goes, so does the ledger.
process.stdin.on("end", () => process.exit(0)).resume()
