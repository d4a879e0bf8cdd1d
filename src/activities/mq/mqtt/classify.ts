/** What an MQTT broker's codes say of a publish. Normative: design 5, "MQ"; MQTT 5.0 §2.4 and 3.1.1 §3.2.2.3. */
import type { FailureClass } from "../../../contract/statuses.ts"

export const NO_MATCHING_SUBSCRIBERS = 0x10

/** Of a PUBACK. Below 0x80 the broker has the message. */
export function classifyPuback(reason: number): FailureClass | "done" {
  if (reason < 0x80) return "done"
  switch (reason) {
    case 0x87: // Not authorized
    case 0x90: // Topic name invalid
    case 0x99: // Payload format invalid
      return "misconfigured"
    case 0x97: // Quota exceeded
      return "not_executed"
    default:
      return "unknown"
  }
}

/**
 * Of a CONNACK that refuses: nothing was published. 3.1.1 numbers its codes from 1, MQTT 5 from 0x80, so that one
 * table holds both. What a person must repair is `misconfigured`; a broker that is busy or away is asked again.
 */
export function classifyConnack(reason: number): "misconfigured" | "not_executed" {
  return CONNECT_MISTAKES.has(reason) ? "misconfigured" : "not_executed"
}

const CONNECT_MISTAKES = new Set([
  0x01, // 3.1.1: unacceptable protocol version
  0x02, // 3.1.1: identifier rejected
  0x04, // 3.1.1: bad user name or password
  0x05, // 3.1.1: not authorized
  0x84, // Unsupported protocol version
  0x85, // Client identifier not valid
  0x86, // Bad user name or password
  0x87, // Not authorized
  0x8a, // Banned
  0x8c, // Bad authentication method
  0x9b, // QoS not supported
])

/** Of a SUBACK that refuses the topic for replies: the request was not published. */
export function classifySuback(reason: number): "misconfigured" | "not_executed" {
  return reason === 0x80 || reason === 0x83 || reason === 0x97 ? "not_executed" : "misconfigured"
}

export function codeOfReason(packet: "CONNACK" | "PUBACK" | "SUBACK", reason: number): string {
  return `MQTT_${packet}_0x${reason.toString(16).padStart(2, "0").toUpperCase()}`
}
