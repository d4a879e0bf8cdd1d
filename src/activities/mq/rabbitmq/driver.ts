import type { RabbitmqConnection } from "../../../contract/connections.ts"
import type { MqDriver } from "../driver.ts"
import { createRabbitmqLink } from "./link.ts"
import { encodeRabbitmq, type RabbitmqMessage } from "./message.ts"

/** RabbitMQ over AMQP 0-9-1. Codes: `AMQP_` and the broker's reply code (`AMQP_312`), `AMQP_NACK`, `connection_blocked`. */
export const rabbitmqDriver: MqDriver<RabbitmqConnection, RabbitmqMessage> = {
  encode: encodeRabbitmq,
  open: createRabbitmqLink,
}
