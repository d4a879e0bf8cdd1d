/** Where rabbitmq-client 5.0.8 itself must be held, for want of an option. All that leans on its inside is here. */
import { Socket } from "node:net"
import type { Channel, Connection } from "rabbitmq-client"

/**
 * The socket of a new connection; undefined when the library names it otherwise. It dials but once: the connection is
 * destroyed before it would dial again.
 */
export function socketOf(connection: Connection): Socket | undefined {
  const socket = "_socket" in connection ? connection._socket : undefined
  return socket instanceof Socket ? socket : undefined
}

/**
 * The library reads as many bytes as a frame says that it has, up to whatever the process can hold, and from 1 GiB
 * Node throws where nobody catches. A frame is never larger than what both sides have agreed on.
 */
export function limitFrames(socket: Socket, maxBytes: number): void {
  const read = socket.read.bind(socket)
  socket.read = (size?: number): unknown => {
    if (size === undefined || size <= maxBytes) return read(size)
    socket.destroy(new Error(`the broker sends a frame of ${size} bytes: expected at most ${maxBytes}`))
    return null
  }
}

interface HeaderFrame {
  fields: { contentEncoding?: string }
}

/** The library parses JSON by itself, which loses digits of large numbers, except where the body is encoded. */
export function keepBodiesRaw(channel: Channel): void {
  // The library's own method for a message's properties; where it is another one, bodies come out parsed.
  const inner = channel as unknown as { _onHeader?: (frame: HeaderFrame) => void }
  const onHeader = inner._onHeader?.bind(channel)
  inner._onHeader = (frame) => {
    frame.fields.contentEncoding ??= "identity"
    onHeader?.(frame)
  }
}
