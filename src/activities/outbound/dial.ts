/** A trial connection, for clients that do not say why theirs fails. Sends nothing but a TLS handshake. */
import { isIP } from "node:net"
import { connect as connectTls, type TLSSocket } from "node:tls"
import type { OutboundGuard } from "./guard.ts"

export interface DialTarget {
  host: string
  port: number
  /** Absent: no TLS. */
  tls?: { ca?: string | undefined; protocols: string[] }
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
    const { ca, protocols } = tls
    secured = connectTls({ socket, host, ...serverName(host), ca, ALPNProtocols: protocols }, succeed)
    return void secured.on("error", fail)
  })
}

/** TLS knows names only (RFC 6066 §3); an address is still checked against the certificate, as `host`. */
export function serverName(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {}
}

function timedOut({ host, port }: DialTarget, withinMs: number): Error {
  return Object.assign(new Error(`no connection to ${host}:${port} within ${Math.round(withinMs)} ms`), {
    code: "ETIMEDOUT",
  })
}
