/** A `service` that names no connection: `host[:port]` of an S1 service, port 80 unless it says another. */
import { isIPv6 } from "node:net"
import type { RpcOverHttpConnection } from "../../contract/connections.ts"
import { Misconfigured } from "../call.ts"

const SERVICE = /^(?:\[([\da-f:.]+)\]|(\w(?:[\w.-]*[a-z\d])?))(?::(\d{1,5}))?$/i

/** Throws `Misconfigured`: `connection_unknown`. */
export function toServiceConnection(service: unknown): RpcOverHttpConnection {
  const match = typeof service === "string" ? SERVICE.exec(service) : null
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? 80)
  if (host === undefined || port < 1 || port > 65_535 || (match?.[1] !== undefined && !isIPv6(host)))
    throw new Misconfigured(
      "connection_unknown",
      `there is no connection named ${JSON.stringify(service)}, and it is no host[:port] either`,
    )
  return { name: `service ${host}:${port}`, kind: "http-rpc", host, port }
}
