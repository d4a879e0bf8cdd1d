import { connect, createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"

/**
 * A way to a server that can be shut: connections break and new ones are refused until it is opened again. Or
 * frozen, as a server that stands still is: connections are taken, and nothing comes through until it is thawed. Or
 * muted: what is sent arrives, and no answer of those who are connected comes back any more.
 */
export interface TcpGate {
  port: number
  shut(): void
  open(): void
  freeze(): void
  thaw(): void
  mute(): void
  close(): Promise<void>
}

export async function openTcpGate(target: { host: string; port: number }): Promise<TcpGate> {
  const sockets = new Map<Socket, Socket>()
  const servers = new Set<Socket>()
  let isShut = false
  let isFrozen = false
  const join = (from: Socket, to: Socket) => {
    sockets.set(from, to)
    if (!isFrozen) from.pipe(to)
    from.on("error", () => {})
    from.on("close", () => {
      sockets.delete(from)
      servers.delete(from)
      to.destroy()
    })
  }
  const server = createServer((inside) => {
    if (isShut) {
      inside.destroy()
      return
    }
    const outside = connect(target)
    servers.add(outside)
    join(inside, outside)
    join(outside, inside)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const shut = () => {
    isShut = true
    for (const socket of sockets.keys()) socket.destroy()
  }
  return {
    // Listening on TCP, so that the address is one of TCP.
    port: (server.address() as AddressInfo).port,
    shut,
    open: () => {
      isShut = false
    },
    freeze: () => {
      isFrozen = true
      for (const [from, to] of sockets) from.unpipe(to).pause()
    },
    thaw: () => {
      isFrozen = false
      for (const [from, to] of sockets) from.pipe(to)
    },
    mute: () => {
      for (const server of servers) {
        server.unpipe()
        // What it says is read, so that it is never held up.
        server.resume()
      }
    },
    close: async () => {
      shut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
