/** Kind `rpc`: one call of a method; sends the task's input. */
import { z } from "zod"
import { readObject } from "../read-object.ts"
import { constantText } from "./fields.ts"
import type { ReadConfig } from "./kind.ts"

const RpcConfig = z.strictObject({
  /** A connection of kind grpc, http-rpc or jsonrpc; else the `host[:port]` of an http-rpc service. */
  service: constantText("the service").max(253),
  /** gRPC: `package.Service/Method`. */
  method: constantText("the method")
    .max(256)
    .regex(/^[^\s\p{Cc}]+$/u, { error: "a method has no spaces or control characters" }),
})

export const readRpcConfig: ReadConfig = (raw, place) => {
  const { service } = readObject(RpcConfig, raw, place)
  return {
    config: raw,
    target: service === undefined ? { by: "unknown" } : { by: "service", service },
    sendsInput: true,
  }
}
