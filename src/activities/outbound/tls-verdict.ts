import type { TLSSocket } from "node:tls"

/** How long a server that says nothing after the handshake is waited for. */
const PATIENCE_MS = 300

/**
 * In TLS 1.3 a server judges the client's certificate after the client's side of the handshake is over: what is
 * written until then may meet a refusal that looks like a lost reply. Tells once, without an error when the server
 * consents, which its first ticket says, or has had the time to refuse.
 */
export function onVerdict(socket: TLSSocket, tell: (refusal: Error | null) => void): void {
  if (socket.getProtocol() !== "TLSv1.3") return tell(null)
  const settle = (refusal: Error | null): void => {
    clearTimeout(timer)
    clearImmediate(later)
    socket.off("session", onTicket).off("error", settle).off("close", onClose)
    tell(refusal)
  }
  let later: NodeJS.Immediate | undefined
  // Node tells of a ticket from within OpenSSL's read; what is written there is never sent.
  const onTicket = (): void => void (later ??= setImmediate(() => settle(null)))
  const onClose = (): void => settle(closed())
  const timer = setTimeout(() => settle(null), PATIENCE_MS)
  socket.on("session", onTicket).on("error", settle).on("close", onClose)
}

function closed(): Error {
  return Object.assign(new Error("the server closed the connection after the handshake"), {
    code: "ECONNRESET",
  })
}
