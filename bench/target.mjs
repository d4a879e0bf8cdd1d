// What all tasks call: a server in a process of its own that answers at once, or as its path says.
//
//   POST /do/<name>            answers at once
//   POST /slow/<ms>/<name>     answers after so many milliseconds
//   POST /repaired/<name>      refuses the first request of a transaction, takes the others
//   GET  /stats                how many requests are open now, and were at most since the last time
import { createServer } from "node:http"

const refused = new Set()
let open = 0
let peak = 0

const server = createServer((request, response) => {
  const [, door, argument] = request.url.split("/")
  request.resume()
  request.on("end", () => {
    if (door === "stats") {
      answer(response, 200, { open, peak })
      peak = open
    } else if (door === "slow") answerLater(response, Number(argument))
    else if (door === "repaired" && isFirst(request)) answer(response, 422, { error: "refused" })
    else answer(response, 200, { ok: true, name: argument })
  })
})

function answerLater(response, ms) {
  open++
  peak = Math.max(peak, open)
  setTimeout(() => {
    open--
    answer(response, 200, { ok: true })
  }, ms)
}

function isFirst(request) {
  const key = request.headers["x-holdfast-transaction"]
  return !refused.delete(key) && refused.add(key).has(key)
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => console.log(server.address().port))
process.stdin.resume().on("end", () => process.exit(0))
