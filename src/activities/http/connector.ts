import { CONNECTION_KINDS_OF_TASK } from "../../contract/connections.ts"
import type { Connector } from "../call.ts"
import { type ConnectionSource, getConnection } from "../connection-source.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { HttpClient } from "../outbound/http-client.ts"
import { createHttpClients } from "../outbound/http-clients.ts"
import type { SecretStore } from "../secrets.ts"
import { callAndPoll } from "./poll.ts"
import { buildHttpCall } from "./request.ts"
import { callHttp } from "./round-trip.ts"

export interface HttpConnectorDeps {
  connections: ConnectionSource
  secrets: SecretStore
  guard: OutboundGuard
  /** Shared with other connectors; closed by whoever made it. */
  client: HttpClient
}

/**
 * HTTP tasks. Config: `url` (a path with `connection`, else a whole URL), `method` (POST), `headers`, `query`,
 * `body`, `success` (`["2xx"]`), `reject`. Output: the reply's body, parsed where its content type is JSON.
 * Redirects are never followed, but for a poll's 303. With `poll` a 202 is followed up (`poll.ts`). Without a
 * connection the profile is `plain`. Rules: design 5, and the table of the transactions reference, 6.2
 * (`classify.ts`). Codes: `HTTP_<status>`, those of Node and undici for broken exchanges, `url_invalid`,
 * `header_invalid`, `method_invalid`, `body_invalid`, `connection_*`, `key_reused`, `response_too_large`,
 * `response_unreadable`, `replayed_error`, `address_blocked`, `secret_missing`, `poll_*`.
 */
export function createHttpConnector({ connections, ...deps }: HttpConnectorDeps): Connector {
  const clients = createHttpClients(deps)
  return {
    async call(request) {
      const { config } = request
      const connection =
        config["connection"] === undefined
          ? undefined
          : getConnection(connections, config["connection"], CONNECTION_KINDS_OF_TASK.http)
      const reading = {
        profile: connection?.profile ?? ("plain" as const),
        success: toStatuses(config["success"]) ?? ["2xx"],
        reject: toStatuses(config["reject"]) ?? [],
        json: "declared" as const,
      }
      const call = buildHttpCall(request, connection, deps.secrets)
      const client = clients.of(connection)
      const { poll } = request
      if (poll === undefined) return callHttp(client, call, { request, reading })
      const base = connection?.base_url ?? call.url.origin
      return callAndPoll({ client, call, request, reading, poll, base })
    },
    close: () => clients.close(),
  }
}

/** What is no status and no class of them matches nothing. */
function toStatuses(list: unknown): (number | string)[] | undefined {
  if (list === undefined || list === null) return undefined
  return (Array.isArray(list) ? list : [list]).filter(
    (one): one is number | string => typeof one === "number" || typeof one === "string",
  )
}
