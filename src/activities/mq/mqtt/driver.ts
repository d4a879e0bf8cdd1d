import type { MqttConnection } from "../../../contract/connections.ts"
import type { MqDriver } from "../driver.ts"
import { createMqttLink } from "./link.ts"
import { encodeMqtt, type MqttMessage } from "./message.ts"

/** MQTT 5, and 3.1.1 where the connection says so. Codes: `MQTT_PUBACK_0x..`, `MQTT_CONNACK_0x..`, `MQTT_SUBACK_0x..`. */
export const mqttDriver: MqDriver<MqttConnection, MqttMessage> = {
  encode: (event, { protocol = "5" }) => encodeMqtt(event, protocol),
  open: createMqttLink,
}
