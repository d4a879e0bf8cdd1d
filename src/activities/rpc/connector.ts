import { assertNever } from "../../contract/errors.ts"
import { CONNECTION_KINDS_OF_TASK } from "../../contract/connections.ts"
import type { Connector } from "../call.ts"
import { type ConnectionSource, getConnection } from "../connection-source.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { HttpClient } from "../outbound/http-client.ts"
import { createHttpClients } from "../outbound/http-clients.ts"
import type { SecretStore } from "../secrets.ts"
import { createGrpcConnector } from "./grpc-connector.ts"
import { callHttpRpc, callJsonRpc } from "./http-rpc.ts"
import { toServiceConnection } from "./service-address.ts"

export interface RpcConnectorDeps {
  connections: ConnectionSource
  secrets: SecretStore
  guard: OutboundGuard
  /** Shared with other connectors; closed by whoever made it. */
  client: HttpClient
}

/**
 * RPC tasks. Config: `service`, `method`; the input is what is sent. A service is a connection of kind `grpc`,
 * `http-rpc` or `jsonrpc` (each described where it is made), else the `host[:port]` of an `http-rpc` service.
 */
export function createRpcConnector({ connections, secrets, guard, client }: RpcConnectorDeps): Connector {
  const grpc = createGrpcConnector(guard, secrets)
  const clients = createHttpClients({ guard, secrets, client })
  // The compiler writes `connection` where the service named one: gone since, its name is no host to call.
  const find = ({ service, connection }: Record<string, unknown>) =>
    connection !== undefined || (typeof service === "string" && connections.find(service))
      ? getConnection(connections, connection ?? service, CONNECTION_KINDS_OF_TASK.rpc)
      : toServiceConnection(service)
  return {
    async call(request) {
      const connection = find(request.config)
      switch (connection.kind) {
        case "grpc":
          return grpc.call(request, connection)
        case "http-rpc":
          return callHttpRpc({ client: clients.of(connection), secrets }, request, connection)
        case "jsonrpc":
          return callJsonRpc({ client: clients.of(connection), secrets }, request, connection)
        default:
          return assertNever(connection)
      }
    },
    async close() {
      await Promise.all([grpc.close(), clients.close()])
    },
  }
}
