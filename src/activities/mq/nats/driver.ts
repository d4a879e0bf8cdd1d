import type { NatsConnection } from "../../../contract/connections.ts"
import type { MqDriver } from "../driver.ts"
import { createNatsLink } from "./link.ts"
import { encodeNats, type NatsMessage } from "./message.ts"

/**
 * NATS JetStream. Codes: `JETSTREAM_` and the server's error code, `NATS_NO_RESPONDERS` (no stream holds the subject),
 * `NATS_PERMISSION`, `NATS_AUTHORIZATION`, `NATS_ACK_INVALID`, `payload_too_large`, `key_reused`.
 */
export const natsDriver: MqDriver<NatsConnection, NatsMessage> = { encode: encodeNats, open: createNatsLink }
