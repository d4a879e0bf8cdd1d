import { connect, createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"

/**
 * A way to a server that can be shut: connections break and new ones are refused until it is opened again. Or
 * frozen, as a server that stands still is: connections are taken, and nothing comes through until it is thawed.
 */
export interface TcpGate {
  port: number
  shut(): void
  open(): void
  freeze(): void
  thaw(): void
  close(): Promise<void>
}

export async function openTcpGate(target: { host: string; port: number }): Promise<TcpGate> {
  const sockets = new Map<Socket, Socket>()
  let isShut = false
  let isFrozen = false
  const join = (from: Socket, to: Socket) => {
    sockets.set(from, to)
    if (!isFrozen) from.pipe(to)
    from.on("error", () => {})
    from.on("close", () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer((inside) => {
    if (isShut) {
      inside.destroy()
      return
    }
    const outside = connect(target)
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
    close: async () => {
      shut()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
