// What all tasks call: a server in a process of its own that answers at once, or as its path says.
//
//   POST /do/<name>         answers at once
//   POST /repaired/<name>   refuses the first request of a transaction, takes the others
//   POST /held/<name>       answers when somebody lets it go
//   GET  /held              how many of those wait
//   POST /release           lets them go
import { createServer } from "node:http"

const refused = new Set()
const held = []

const server = createServer((request, response) => {
  const [, door, name] = request.url.split("/")
  request.resume()
  request.on("end", () => {
    if (door === "held" && name === undefined) answer(response, 200, { held: held.length })
    else if (door === "held") held.push(response)
    else if (door === "release") release(response)
    else if (door === "repaired" && isFirst(request)) answer(response, 422, { error: "refused" })
    else answer(response, 200, { ok: true, name })
  })
})

function release(response) {
  const waiting = held.splice(0)
  for (const one of waiting) answer(one, 200, { ok: true })
  answer(response, 200, { released: waiting.length })
}

function isFirst(request) {
  const transaction = request.headers["x-holdfast-transaction"]
  if (refused.delete(transaction)) return false
  refused.add(transaction)
  return true
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => console.log(server.address().port))
process.stdin.resume().on("end", () => process.exit(0))
