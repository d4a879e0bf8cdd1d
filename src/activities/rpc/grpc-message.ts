/** A method of a described service, and its messages as JSON (protobuf's canonical mapping). */
import { type DescMethod, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf"
import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"
import type { ServiceDescriptors } from "./descriptors.ts"

export interface MethodName {
  service: string
  method: string
}

/** `package.Service/Method`. Throws `Misconfigured`: `grpc_method_invalid`. */
export function parseMethodName(name: unknown): MethodName {
  const match = typeof name === "string" ? /^\/?([\w.]+)\/(\w+)$/.exec(name) : null
  if (match?.[1] === undefined || match[2] === undefined)
    throw new Misconfigured(
      "grpc_method_invalid",
      `method is ${JSON.stringify(name)}: expected package.Service/Method`,
    )
  return { service: match[1], method: match[2] }
}

/** Throws `Misconfigured`: `grpc_service_unknown`, `grpc_method_unknown`, `grpc_streaming`. */
export function findMethod({ registry }: ServiceDescriptors, name: MethodName): DescMethod {
  const service = registry.getService(name.service)
  if (!service) {
    const known = [...registry].flatMap((one) => (one.kind === "service" ? [one.typeName] : [])).join(", ")
    throw new Misconfigured(
      "grpc_service_unknown",
      `the descriptors define no service ${name.service}; they define ${known || "none"}`,
    )
  }
  const method = service.methods.find((one) => one.name === name.method)
  if (!method) {
    const known = service.methods.map((one) => one.name).join(", ")
    throw new Misconfigured(
      "grpc_method_unknown",
      `${name.service} has no method ${name.method}; it has ${known || "none"}`,
    )
  }
  if (method.methodKind === "unary") return method
  throw new Misconfigured(
    "grpc_streaming",
    `${name.service}/${name.method} is a stream: only unary methods can be called`,
  )
}

/** Field names in both spellings; an unknown one is an error. Throws `Misconfigured`: `request_invalid`. */
export function encodeRequest({ registry }: ServiceDescriptors, method: DescMethod, input: unknown): Buffer {
  try {
    // The engine's values are JSON; what is none fails in the conversion.
    const message = fromJson(method.input, (input ?? {}) as JsonValue, {
      registry,
      ignoreUnknownFields: false,
    })
    return Buffer.from(toBinary(method.input, message))
  } catch (thrown) {
    throw new Misconfigured(
      "request_invalid",
      `the input does not fit ${method.input.typeName}: ${toError(thrown).message}`,
    )
  }
}

/** Field names as in the proto file, fields with their default value included, 64-bit integers as text. */
export function decodeReply({ registry }: ServiceDescriptors, method: DescMethod, bytes: Buffer): JsonValue {
  const message = fromBinary(method.output, bytes)
  return toJson(method.output, message, { registry, useProtoFieldName: true, alwaysEmitImplicit: true })
}
