import { createServer } from "node:net"

/**
 * A TCP port of 127.0.0.1 that nobody listens on: `preferred` when it is free, else one the system picks.
 * Somebody else may take it before you do, so who binds it must be ready to ask again.
 */
export async function findFreePort(preferred?: number): Promise<number> {
  if (preferred !== undefined) {
    const port = await probe(preferred)
    if (port !== undefined) return port
  }
  const port = await probe(0)
  if (port === undefined) throw new Error("no free TCP port on 127.0.0.1: the system refused to give one")
  return port
}

function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined))
    })
  })
}
