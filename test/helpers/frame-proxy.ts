import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { AddressInfo } from "node:net"

/** A way to a server on which some of what it says never comes through. */
export interface FrameProxy {
  port: number
  /** Frames of the server that were kept back. */
  kept: number
  close(): void
}

export interface Protocol {
  /** Where the first frame of the bytes ends; undefined while it has not come as a whole. */
  findEnd: (bytes: Buffer) => number | undefined
  isKept: (frame: Buffer) => boolean
}

/** Keeps back what JetStream says of a message that it has stored. */
export const NATS_ACKS: Protocol = {
  findEnd(bytes) {
    const line = bytes.indexOf("\r\n")
    if (line < 0) return undefined
    const [, size] = /^H?MSG .* (\d+)$/.exec(bytes.toString("latin1", 0, line)) ?? []
    const end = size === undefined ? line + 2 : line + 2 + Number(size) + 2
    return end <= bytes.length ? end : undefined
  },
  isKept: (frame) => /^MSG .*\r\n\{"stream":.*"seq":/.test(frame.toString("latin1")),
}

/** Keeps back the confirms of RabbitMQ. */
export const AMQP_CONFIRMS: Protocol = {
  findEnd(bytes) {
    const end = bytes.length < 7 ? Infinity : 8 + bytes.readUInt32BE(3)
    return end <= bytes.length ? end : undefined
  },
  // A method, basic.ack.
  isKept: (frame) => frame[0] === 1 && frame.readUInt16BE(7) === 60 && frame.readUInt16BE(9) === 80,
}

export async function startFrameProxy(port: number, { findEnd, isKept }: Protocol): Promise<FrameProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1")
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far)
    let bytes = Buffer.alloc(0)
    far.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      for (let end = findEnd(bytes); end !== undefined; end = findEnd(bytes)) {
        const frame = bytes.subarray(0, end)
        bytes = bytes.subarray(end)
        if (isKept(frame)) proxy.kept++
        else near.write(frame)
      }
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const proxy: FrameProxy = {
    // Listening on TCP, so that the address is one of TCP.
    port: (server.address() as AddressInfo).port,
    kept: 0,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  return proxy
}
