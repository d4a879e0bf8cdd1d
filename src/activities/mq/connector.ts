import { CONNECTION_KINDS_OF_TASK } from "../../contract/connections.ts"
import type { Connector } from "../call.ts"
import { type ConnectionSource, getConnection } from "../connection-source.ts"
import type { LinkDeps } from "./driver.ts"
import { mqttDriver } from "./mqtt/driver.ts"
import { natsDriver } from "./nats/driver.ts"
import { createPublisher } from "./publisher.ts"
import { rabbitmqDriver } from "./rabbitmq/driver.ts"

export interface MqConnectorDeps extends LinkDeps {
  connections: ConnectionSource
}

/**
 * MQ tasks: publish the input as JSON. Config: `connection` (kind `mqtt`, `rabbitmq` or `nats`), `topic` (on RabbitMQ
 * the routing key for the connection's exchange, on NATS the subject), `headers`, `key` (the event's `partitionkey`),
 * `reply: {timeout}` in milliseconds. Done when the broker has the message durably; a consumer must still dedupe by
 * the message id, which is the key, since a repeat publishes again. Output: `{message_id, topic}`, or the reply.
 * Rules: design 5, "MQ", and transactions reference 6.4 (each driver's `classify.ts`); message in `event.ts`, reply
 * in `reply.ts`. Codes: those of each driver, `connection_lost`, `topic_invalid`, `header_invalid`, `reply_*`,
 * `response_*`, `driver_missing`, `connection_*`, `secret_missing`, `address_blocked`, and Node's for failed dials.
 */
export function createMqConnector({ connections, ...deps }: MqConnectorDeps): Connector {
  const mqtt = createPublisher(mqttDriver, deps)
  const rabbitmq = createPublisher(rabbitmqDriver, deps)
  const nats = createPublisher(natsDriver, deps)
  return {
    async call(request) {
      const connection = getConnection(connections, request.config["connection"], CONNECTION_KINDS_OF_TASK.mq)
      switch (connection.kind) {
        case "mqtt":
          return mqtt.publish(connection, request)
        case "rabbitmq":
          return rabbitmq.publish(connection, request)
        case "nats":
          return nats.publish(connection, request)
      }
    },
    async close() {
      await Promise.all([mqtt.close(), rabbitmq.close(), nats.close()])
    },
  }
}
