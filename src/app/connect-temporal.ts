import { Client } from "@temporalio/client"
import { NativeConnection } from "@temporalio/worker"
import type { NativeConnectionOptions } from "@temporalio/worker"
import { PAYLOAD_CONVERTER_PATH } from "../worker/bundle.ts"
import type { TemporalTarget } from "./servers.ts"

/** A connection and the client on it; the caller closes the connection. Eager starts need it shared with the worker. */
export async function connectTemporal(
  temporal: Pick<TemporalTarget, "connection" | "namespace">,
): Promise<{ connection: NativeConnection; client: Client }> {
  const options: NativeConnectionOptions = { ...temporal.connection }
  // On loopback compressing costs more than it saves.
  if (/^(127\.|localhost:|\[::1\])/.test(temporal.connection.address))
    options.grpcCompression = { codec: "none" }
  const connection = await NativeConnection.connect(options)
  const dataConverter = { payloadConverterPath: PAYLOAD_CONVERTER_PATH }
  return { connection, client: new Client({ connection, namespace: temporal.namespace, dataConverter }) }
}
