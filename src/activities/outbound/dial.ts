/** A trial connection, for clients that do not say why theirs fails. Sends nothing but a TLS handshake. */
import { isIP } from "node:net"
import { connect as connectTls, type TLSSocket } from "node:tls"
import type { OutboundGuard } from "./guard.ts"
import type { TlsOptions } from "./tls-options.ts"
import { onVerdict } from "./tls-verdict.ts"

export interface DialTarget {
  host: string
  port: number
  /** Absent: no TLS. */
  tls?: { options: TlsOptions; protocols: string[] }
}

export interface Dialled {
  /** The checked address that answered. */
  address: string
  family: 4 | 6
}

/** Rejects with the error of the socket, of the handshake or of the guard; `ETIMEDOUT` when neither comes. */
export function dialOnce(guard: OutboundGuard, target: DialTarget, withinMs: number): Promise<Dialled> {
  const { host, port, tls } = target
  return new Promise((resolve, reject) => {
    const socket = guard.createSocket()
    let secured: TLSSocket | undefined
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      settle()
      secured?.destroy()
      socket.destroy()
    }
    const fail = (error: Error): void => end(() => reject(error))
    const succeed = (): void => {
      const { remoteAddress = "" } = socket
      end(() => resolve({ address: remoteAddress, family: isIP(remoteAddress) === 6 ? 6 : 4 }))
    }
    const timer = setTimeout(() => fail(timedOut(target, withinMs)), withinMs)
    socket.on("error", fail)
    socket.connect(port, host)
    if (!tls) return void socket.on("connect", succeed)
    const handshake = connectTls({ socket, ...tls.options, ALPNProtocols: tls.protocols }, () =>
      onVerdict(handshake, (refusal) => (refusal === null ? succeed() : fail(refusal))),
    )
    secured = handshake
    return void handshake.on("error", fail)
  })
}

function timedOut({ host, port }: DialTarget, withinMs: number): Error {
  return Object.assign(new Error(`no connection to ${host}:${port} within ${Math.round(withinMs)} ms`), {
    code: "ETIMEDOUT",
  })
}
