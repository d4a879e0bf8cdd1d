import type { HttpConnection, RpcOverHttpConnection } from "../../contract/connections.ts"
import { createClientPool } from "../client-pool.ts"
import type { SecretStore } from "../secrets.ts"
import type { OutboundGuard } from "./guard.ts"
import { createHttpClient, type HttpClient } from "./http-client.ts"
import { hasTlsSettings, toTlsOptions } from "./tls-options.ts"

type Settings = HttpConnection | RpcOverHttpConnection

export interface HttpClients {
  /** Of a connection with a certificate or a trust of its own: one that no other connection uses. */
  of(connection: Settings | undefined): HttpClient
  /** Ends those that were made here. */
  close(): Promise<void>
}

export interface HttpClientsDeps {
  guard: OutboundGuard
  secrets: SecretStore
  /** For all others. */
  client: HttpClient
}

export function createHttpClients({ guard, secrets, client }: HttpClientsDeps): HttpClients {
  let isEnding = false
  const own = createClientPool(
    (settings: Settings) =>
      createHttpClient(guard, toTlsOptions({ ...settings, host: hostOf(settings) }, secrets)),
    // One whose settings or key were renewed may still be at work.
    (one) => (isEnding ? one.close() : one.retire()),
    // Headers are read for each call.
    ({ key_secret }) => secrets.stampOf({ key_secret }),
  )
  return {
    of: (connection) =>
      connection !== undefined && hasTlsSettings(connection) ? own.get(connection) : client,
    async close() {
      isEnding = true
      await own.close()
    },
  }
}

function hostOf(settings: Settings): string {
  if (settings.kind !== "http") return settings.host
  return new URL(settings.base_url).hostname.replace(/^\[|\]$/g, "")
}
