import { createServer } from "node:net"
import type { AddressInfo } from "node:net"

/**
 * A TCP port of 127.0.0.1 that nobody listens on: `preferred` when it is free, else one the system picks.
 * Somebody else may take it before you do, so who binds it must be ready to ask again.
 */
export async function findFreePort(preferred?: number): Promise<number> {
  if (preferred !== undefined) {
    const wanted = await probe("127.0.0.1", preferred)
    if (typeof wanted === "number") return wanted
  }
  const port = await probe("127.0.0.1", 0)
  if (typeof port === "number") return port
  throw new Error(`no free TCP port on 127.0.0.1: ${port.message}`, { cause: port })
}

/** Why nobody can listen there at the moment; `undefined` when one can. */
export async function findListenProblem(
  host: string,
  port: number,
): Promise<NodeJS.ErrnoException | undefined> {
  const found = await probe(host, port)
  return typeof found === "number" ? undefined : found
}

function probe(host: string, port: number): Promise<number | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", resolve)
    server.listen({ port, host, exclusive: true }, () => {
      // A TCP server that listens has an address with a port.
      const address = server.address() as AddressInfo
      server.close(() => resolve(address.port))
    })
  })
}
