import { CONNECTION_KINDS_OF_TASK, type MqttConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import type { CallRequest, Connector, Evidence, Failed, Verdict } from "../call.ts"
import { createClientPool } from "../client-pool.ts"
import { type ConnectionSource, getConnection } from "../connection-source.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import { classifyTransport } from "../outbound/transport-error.ts"
import type { SecretStore } from "../secrets.ts"
import { classifyConnack, classifyPuback, codeOfReason, NO_MATCHING_SUBSCRIBERS } from "./classify.ts"
import { buildMessage, type MqttMessage } from "./message.ts"
import { createMqttLink, type MqttLink, reasonOf } from "./mqtt-link.ts"

export interface MqConnectorDeps {
  connections: ConnectionSource
  secrets: SecretStore
  guard: OutboundGuard
}

/**
 * MQ tasks: publish the input, QoS 1. Config: `connection` (kind `mqtt`, protocol 5 unless it says 3.1.1), `topic`,
 * `headers`, `key` (the event's `partitionkey`). Done when the broker has acknowledged; a consumer must still
 * dedupe by the key, since a repeat publishes again. Output: `{message_id, topic}`. Rules: design 5, "MQ"
 * (`classify.ts`), message format in `message.ts`. Codes: `MQTT_PUBACK_0x..`, `MQTT_CONNACK_0x..`,
 * `connection_lost`, `topic_invalid`, `header_invalid`, `connection_*`, `secret_missing`, `address_blocked`, and
 * Node's for failed dials.
 */
export function createMqConnector({ connections, secrets, guard }: MqConnectorDeps): Connector {
  const links = createClientPool(
    (connection: MqttConnection) => createMqttLink(connection, guard, secrets),
    (link) => link.close(),
    secrets.stampOf,
  )

  const getLink = async (connection: MqttConnection): Promise<MqttLink> => {
    const link = links.get(connection)
    if (!link.isBroken()) return link
    await links.drop(link)
    return links.get(connection)
  }

  return {
    async call(request) {
      const connection = getConnection(connections, request.config["connection"], CONNECTION_KINDS_OF_TASK.mq)
      const message = buildMessage(request, connection.protocol ?? "5")
      const link = await getLink(connection)
      try {
        await link.ready(request.signal)
      } catch (thrown) {
        return toUnconnected(toError(thrown), evidenceOf(message, link))
      }
      return publish(link, message, request)
    },
    close: () => links.close(),
  }
}

async function publish(link: MqttLink, message: MqttMessage, { key, signal }: CallRequest): Promise<Verdict> {
  const end = await link.publish(message, signal)
  const evidence = evidenceOf(message, link)
  switch (end.ended) {
    case "unsent":
      return { class: "not_executed", code: "connection_lost", message: end.error.message, evidence }
    case "lost": {
      const { code } = classifyTransport(end.error, true)
      const aborted = code === "attempt_timeout" || code === "attempt_cancelled"
      const message = `no acknowledgement: ${end.error.message}`
      return { class: "unknown", code: aborted ? code : "connection_lost", message, evidence }
    }
    case "answered":
      return toAnswered(
        end.reason,
        { key, topic: message.topic },
        { ...evidence, response: { reason: end.reason } },
      )
  }
}

function toAnswered(reason: number, sent: { key: string; topic: string }, evidence: Evidence): Verdict {
  const code = codeOfReason("PUBACK", reason)
  const outcome = classifyPuback(reason)
  if (outcome !== "done")
    return { class: outcome, code, message: `the broker refused the message: ${code}`, evidence }
  return {
    class: "done",
    output: { message_id: sent.key, topic: sent.topic },
    ...(reason === NO_MATCHING_SUBSCRIBERS ? { note: "the broker has no matching subscribers" } : {}),
    evidence,
  }
}

/** The connection did not come up, so nothing was published. */
function toUnconnected(error: Error, evidence: Evidence): Failed {
  const reason = reasonOf(error)
  if (reason !== undefined)
    return {
      class: classifyConnack(reason),
      code: codeOfReason("CONNACK", reason),
      message: `the broker refused the connection: ${error.message}`,
      evidence,
    }
  const finding = classifyTransport(error, false)
  const code = finding.code === "Error" ? "connection_lost" : finding.code
  return { ...finding, code, message: `no connection to the broker: ${error.message}`, evidence }
}

function evidenceOf({ topic, payload, options }: MqttMessage, link: MqttLink): Evidence {
  return {
    request: { topic, payload, properties: options.properties?.userProperties ?? null },
    peer: link.peer(),
    bytesSent: Buffer.byteLength(payload),
  }
}
