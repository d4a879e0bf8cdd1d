/** Connections by name, of the kinds a connector can use. */
import type { Connection, ConnectionKind } from "../contract/connections.ts"
import { Misconfigured } from "./call.ts"

export interface ConnectionSource {
  find(name: string): Connection | undefined
}

/** Throws `Misconfigured` when there is none of this name, or when it is of another kind. */
export function getConnection<Kind extends ConnectionKind>(
  source: ConnectionSource,
  name: unknown,
  kinds: readonly Kind[],
): Extract<Connection, { kind: Kind }> {
  if (typeof name !== "string" || name === "")
    throw new Misconfigured(
      "connection_missing",
      `the task names no connection: expected one of kind ${kinds.join(" or ")}`,
    )
  const connection = source.find(name)
  if (!connection) throw new Misconfigured("connection_unknown", `there is no connection named "${name}"`)
  if (!isOfKind(connection, kinds))
    throw new Misconfigured(
      "connection_kind",
      `the connection "${name}" is of kind ${connection.kind}: expected ${kinds.join(" or ")}`,
    )
  return connection
}

export function isOfKind<Kind extends ConnectionKind>(
  connection: Connection,
  kinds: readonly Kind[],
): connection is Extract<Connection, { kind: Kind }> {
  return (kinds as readonly ConnectionKind[]).includes(connection.kind)
}
