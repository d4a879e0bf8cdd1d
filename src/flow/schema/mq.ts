/** Kind `mq`: publishes the task's input as JSON, and waits for a consumer's answer where `reply` asks for one. */
import { z } from "zod"
import { readObject } from "../read-object.ts"
import { connectionName, duration, headers } from "./fields.ts"
import type { ReadConfig } from "./kind.ts"

const MqConfig = z.strictObject({
  topic: z.string().min(1),
  connection: connectionName.optional(),
  /** Messages of one key keep their order, where the broker has keys. */
  key: z.union([z.string(), z.number()], { error: "expected text or a number" }).optional(),
  headers: headers.optional(),
  reply: z.strictObject({ timeout: duration(1) }).optional(),
})

export const readMqConfig: ReadConfig = (raw, place) => {
  const { connection, reply } = readObject(MqConfig, raw, place)
  return {
    config: reply === undefined ? raw : { ...raw, reply },
    target: { by: "connection", ...(connection === undefined ? {} : { name: connection }) },
    usualEffect: "keyed",
    sendsInput: true,
  }
}
