/**
 * A converter that cannot fail on what comes in: a signal with a payload nobody can read must never fail a
 * workflow task, and a memo that cannot be decoded must not make `describe` throw. The same module serves
 * the bundle, the worker and every client.
 */
import { defaultPayloadConverter, type Payload, type PayloadConverter } from "@temporalio/common"

// Readers of what comes from outside check its shape, and accept none like this. The interface promises
// whatever type the caller names, which no converter can keep.
const UNDECODABLE = { undecodable: true } as never

export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: (payload: Payload) => {
    try {
      return defaultPayloadConverter.fromPayload(payload)
    } catch {
      return UNDECODABLE
    }
  },
}
