/** Speaks just enough AMQP 0-9-1 to answer as a test says: the handshake, channels and confirm mode by itself. */
import type { Socket } from "node:net"
import { type LocalServer, startTcp } from "../../calls.testsuite.ts"

export interface Publish {
  socket: Socket
  channel: number
  /** Sends a method on the message's channel. */
  answer: (...method: Buffer[]) => void
}

export interface ScriptedBroker extends LocalServer {
  connections: Socket[]
  published: Publish[]
}

interface Script {
  /** Instead of opening the connection. */
  onOpen?: (socket: Socket) => void
  onPublish?: (publish: Publish) => void
}

const u8 = (value: number) => Buffer.from([value])
const u16 = (value: number) => Buffer.from([value >> 8, value & 255])
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
const short = (text: string) => Buffer.concat([u8(text.length), Buffer.from(text)])
const long = (text: string) => Buffer.concat([u32(text.length), Buffer.from(text)])

function frame(type: number, channel: number, payload: Buffer): Buffer {
  return Buffer.concat([u8(type), u16(channel), u32(payload.length), payload, u8(0xce)])
}

export const method = (group: number, id: number, ...fields: Buffer[]) =>
  Buffer.concat([u16(group), u16(id), ...fields])
/** Of everything on the channel. */
export const ack = method(60, 80, u32(0), u32(1_000), u8(1))
export const nack = method(60, 120, u32(0), u32(1_000), u8(1))
export const channelClose = (code: number) => method(20, 40, u16(code), short("no"), u16(60), u16(40))
export const connectionClose = (code: number) => method(10, 50, u16(code), short("no"), u16(0), u16(0))
export const blocked = method(10, 60, short("low on memory"))
export const unblocked = method(10, 61)
const returned = (code: number) => method(60, 50, u16(code), short("no"), short(""), short(""))
const delivered = method(60, 60, short("tag"), u32(0), u32(1), u8(0), short(""), short(""))

/** On the connection itself. */
export function send(socket: Socket, payload: Buffer): void {
  socket.write(frame(1, 0, payload))
}

/** A return or a delivery: its method, one property and its body. */
function content(channel: number, head: Buffer, [flag, value]: [number, string], body: string): Buffer {
  const header = Buffer.concat([u16(60), u16(0), u32(0), u32(body.length), u16(flag), short(value)])
  return Buffer.concat([
    frame(1, channel, head),
    frame(2, channel, header),
    frame(3, channel, Buffer.from(body)),
  ])
}

export function sendReturn({ socket, channel }: Publish, messageId: string, code: number): void {
  socket.write(content(channel, returned(code), [0x0080, messageId], "x"))
}

export function sendReply({ socket, channel }: Publish, correlationId: string, body: string): void {
  socket.write(content(channel, delivered, [0x0400, correlationId], body))
}

export async function startScriptedBroker({ onOpen, onPublish }: Script = {}): Promise<ScriptedBroker> {
  const connections: Socket[] = []
  const published: Publish[] = []
  const server = await startTcp((socket) => {
    connections.push(socket)
    let buffer = Buffer.alloc(0)
    let greeted = false
    /** Channels whose message has not come as a whole, with the bytes that are missing. */
    const incoming = new Map<number, number>()
    const on = (type: number, channel: number, payload: Buffer): void => {
      const answer = (...methods: Buffer[]) => {
        for (const one of methods) socket.write(frame(1, channel, one))
      }
      if (type === 2) incoming.set(channel, payload.readUInt32BE(8))
      else if (type === 3) incoming.set(channel, (incoming.get(channel) ?? 0) - payload.length)
      if ((type === 2 || type === 3) && incoming.get(channel) === 0) {
        incoming.delete(channel)
        const publish = { socket, channel, answer }
        published.push(publish)
        onPublish?.(publish)
      }
      if (type !== 1) return
      switch (`${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`) {
        case "10.11":
          return answer(method(10, 30, u16(2047), u32(131_072), u16(0)))
        case "10.40":
          return onOpen ? onOpen(socket) : answer(method(10, 41, short("")))
        case "20.10":
          return answer(method(20, 11, long("")))
        case "20.40":
          return answer(method(20, 41))
        case "85.10":
          return answer(method(85, 11))
        case "60.20":
          return answer(method(60, 21, short("tag")))
        default:
      }
    }
    socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk])
      if (!greeted) {
        if (buffer.length < 8) return
        greeted = true
        buffer = buffer.subarray(8)
        send(socket, method(10, 10, u8(0), u8(9), u32(0), long("PLAIN"), long("en_US")))
      }
      while (buffer.length >= 8 && buffer.length >= 8 + buffer.readUInt32BE(3)) {
        const size = buffer.readUInt32BE(3)
        const [type, channel] = [buffer[0] ?? 0, buffer.readUInt16BE(1)]
        const payload = buffer.subarray(7, 7 + size)
        buffer = buffer.subarray(8 + size)
        on(type, channel, payload)
      }
    })
  })
  return { ...server, connections, published }
}
