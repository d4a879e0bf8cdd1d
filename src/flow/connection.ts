/** Which connection a task uses. */
import { type Connection, CONNECTION_KINDS_OF_TASK, type ConnectionKind } from "../contract/connections.ts"
import type { TaskKind } from "../contract/statuses.ts"
import { pointerTo, quote, type Report } from "./problem.ts"
import type { Place } from "./read-object.ts"
import type { Target } from "./schema/kind.ts"
import { checkSql } from "./schema/db.ts"
import type { KindReading } from "./schema/kind.ts"
import { parseServiceHost } from "./url-head.ts"

/** What the compiler needs of a connection: no address, no credentials. */
export type ConnectionInfo = Pick<Connection, "name" | "kind" | "default" | "effect">

export interface TargetContext extends Place {
  kind: TaskKind
  connections: readonly ConnectionInfo[]
  warn: Report
}

/** The connection of a call whose config could be read, with what it says of that config. */
export function connectionOf(
  { pointer, config }: { pointer: string; config: { kind: TaskKind; reading: KindReading } | undefined },
  context: Omit<TargetContext, "kind" | "pointer">,
): ConnectionInfo | undefined {
  if (config === undefined) return undefined
  const { kind, reading } = config
  const place = { ...context, kind, pointer: pointerTo(pointer, "config") }
  const connection = resolveConnection(reading.target, place)
  if (connection !== undefined) checkMethod(reading.config["method"], connection, place)
  if (connection?.kind === "postgres" || connection?.kind === "mysql")
    checkSql(reading.config, connection.kind, place)
  return connection
}

/** Undefined for a call by address, and after a problem, which is reported at the config's place. */
export function resolveConnection(target: Target, context: TargetContext): ConnectionInfo | undefined {
  if (target.by === "service") return findService(target.service, context)
  if (target.by !== "connection") return undefined
  return target.name === undefined ? findDefault(context) : findNamed(target.name, "connection", context)
}

/** gRPC calls `package.Service/Method`; the other protocols take any name. */
export function checkMethod(method: unknown, connection: ConnectionInfo, place: Place): void {
  if (connection.kind !== "grpc" || typeof method !== "string" || /^[\w.]+\/\w+$/.test(method)) return
  place.report({
    pointer: pointerTo(place.pointer, "method"),
    code: "grpc_method",
    message: `connection ${connection.name} speaks gRPC, whose methods are package.Service/Method; got ${quote(method)}`,
  })
}

function kindsFor(kind: TaskKind): readonly ConnectionKind[] {
  return CONNECTION_KINDS_OF_TASK[kind]
}

function findDefault({ kind, connections, pointer, report }: TargetContext): ConnectionInfo | undefined {
  const kinds = kindsFor(kind)
  const found = connections.find(
    (connection) => connection.default === true && kinds.includes(connection.kind),
  )
  if (found !== undefined) return found
  const fitting = connections.filter((connection) => kinds.includes(connection.kind)).map(({ name }) => name)
  const named =
    fitting.length === 0 ? `define one of kind ${kinds.join(" or ")}` : `known are ${fitting.join(", ")}`
  report({
    pointer: pointerTo(pointer, "connection"),
    code: "connection_required",
    message: `this ${kind} task names no connection, and none of kind ${kinds.join(" or ")} is the default`,
    fix: `name one (${named}), or mark one with default: true`,
  })
  return undefined
}

function findNamed(name: string, field: string, context: TargetContext): ConnectionInfo | undefined {
  const { kind, connections, pointer, report, nearest } = context
  const kinds = kindsFor(kind)
  const found = connections.find((connection) => connection.name === name)
  if (found === undefined) {
    const names = connections
      .filter((connection) => kinds.includes(connection.kind))
      .map((connection) => connection.name)
    const meant = nearest(name, names)
    report({
      pointer: pointerTo(pointer, field),
      code: "unknown_connection",
      message: `there is no connection ${quote(name)}`,
      fix:
        meant === undefined
          ? `known for ${kind} are: ${names.join(", ") || "none"}`
          : `did you mean ${meant}?`,
    })
    return undefined
  }
  if (kinds.includes(found.kind)) return found
  report({
    pointer: pointerTo(pointer, field),
    code: "connection_kind",
    message: `connection ${quote(name)} is of kind ${found.kind}, a task of kind ${kind} needs ${kinds.join(" or ")}`,
  })
  return undefined
}

/** S1's habit: a service that names no connection is the host of a service that speaks http-rpc. */
function findService(service: string, context: TargetContext): ConnectionInfo | undefined {
  const { connections, pointer, warn, nearest } = context
  const known = connections.some(({ name }) => name === service)
  if (known || parseServiceHost(service) === undefined) return findNamed(service, "service", context)
  const meant = nearest(
    service,
    connections.map(({ name }) => name),
  )
  warn({
    pointer: pointerTo(pointer, "service"),
    code: "service_without_connection",
    message: `there is no connection ${quote(service)}: it is taken as the host of an http-rpc service`,
    fix: meant === undefined ? "define a connection of this name" : `did you mean ${meant}?`,
  })
  return undefined
}
