/**
 * A service's file descriptors by gRPC server reflection (grpc.reflection.v1, then v1alpha; the messages are
 * the same). Asks for the service, then for what its files need, within limits of number and size (C38).
 */
import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf"
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { type Client, type ClientDuplexStream, Metadata, status as statuses } from "@grpc/grpc-js"
import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"
import { defineMessages } from "./define-messages.ts"
import { findMissing } from "./descriptors.ts"

const MAX_FILES = 500
const MAX_BYTES = 4 * 1024 * 1024
const NOT_FOUND: number = statuses.NOT_FOUND
const VERSIONS = ["v1", "v1alpha"]

const messages = defineMessages("grpc.reflection", {
  ServerReflectionRequest: {
    file_by_filename: { number: 3, type: "string" },
    file_containing_symbol: { number: 4, type: "string" },
  },
  ServerReflectionResponse: {
    file_descriptor_response: { number: 4, type: ".FileDescriptorResponse" },
    error_response: { number: 7, type: ".ErrorResponse" },
  },
  FileDescriptorResponse: { file_descriptor_proto: { number: 1, type: "bytes", repeated: true } },
  ErrorResponse: { error_code: { number: 1, type: "int32" }, error_message: { number: 2, type: "string" } },
})

type Question = { file_by_filename: string } | { file_containing_symbol: string }
interface Answer {
  file_descriptor_response?: { file_descriptor_proto?: string[] }
  error_response?: { error_code?: number; error_message?: string }
}

export interface ReflectionOptions {
  service: string
  metadata: Metadata
  deadline: number
  signal: AbortSignal
}

/** The server's own answer that it cannot tell; anything else that is thrown is a grpc `ServiceError`. */
class ReflectionRefused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * By file name. Throws `Misconfigured`: `grpc_no_reflection`, `grpc_service_unknown`, `grpc_descriptors_invalid`;
 * else the `ServiceError` of the stream, which proves nothing of the call that has not been made yet.
 */
export async function reflectService(
  client: Client,
  options: ReflectionOptions,
): Promise<Map<string, FileDescriptorProto>> {
  for (const version of VERSIONS) {
    try {
      return await reflect(client, version, options)
    } catch (thrown) {
      if (thrown instanceof ReflectionRefused) throw unknownService(options.service, thrown)
      if (!isUnimplemented(thrown)) throw thrown
    }
  }
  throw new Misconfigured(
    "grpc_no_reflection",
    "the server offers no reflection (grpc.reflection.v1 or v1alpha): switch it on, or give the connection a descriptor_set",
  )
}

async function reflect(
  client: Client,
  version: string,
  options: ReflectionOptions,
): Promise<Map<string, FileDescriptorProto>> {
  const stream = openStream(client, version, options)
  const files = new Map<string, FileDescriptorProto>()
  const asked = new Set<string>()
  let bytes = 0
  try {
    let questions: Question[] = [{ file_containing_symbol: options.service }]
    while (questions.length > 0) {
      for (const question of questions) {
        asked.add(JSON.stringify(question))
        for (const encoded of await stream.ask(question)) {
          bytes += encoded.length
          const file = parseFile(encoded)
          files.set(file.name, file)
        }
        if (files.size === 0) throw new ReflectionRefused(NOT_FOUND, "")
        if (files.size > MAX_FILES || bytes > MAX_BYTES)
          throw new Misconfigured(
            "grpc_descriptors_invalid",
            `the server's descriptors of ${options.service} are more than ${MAX_FILES} files or ${MAX_BYTES} bytes`,
          )
      }
      questions = findMissing(files).filter((question) => !asked.has(JSON.stringify(question)))
    }
    return files
  } finally {
    stream.end()
  }
}

interface ReflectionStream {
  /** One at a time. File descriptors as bytes; none for what the server does not have. */
  ask(question: Question): Promise<Buffer[]>
  end(): void
}

function openStream(client: Client, version: string, options: ReflectionOptions): ReflectionStream {
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
  const asIs = (bytes: Buffer) => bytes
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    path,
    asIs,
    asIs,
    options.metadata,
    {
      deadline: options.deadline,
    },
  )
  let waiting: { resolve(bytes: Buffer): void; reject(error: Error): void } | undefined
  let ended: Error | undefined
  const fail = (error: Error): void => {
    ended ??= error
    waiting?.reject(ended)
  }
  const onAbort = (): void => {
    fail(toError(options.signal.reason))
    call.cancel()
  }
  call.on("data", (bytes: Buffer) => waiting?.resolve(bytes))
  call.on("error", fail)
  call.on("end", () => fail(new Error("the server ended the reflection stream")))
  options.signal.addEventListener("abort", onAbort, { once: true })
  return {
    async ask(question) {
      if (ended) throw ended
      const answer = new Promise<Buffer>((resolve, reject) => {
        waiting = { resolve, reject }
      })
      call.write(
        Buffer.from(
          toBinary(messages.ServerReflectionRequest, fromJson(messages.ServerReflectionRequest, question)),
        ),
      )
      return readAnswer(await answer)
    },
    end() {
      options.signal.removeEventListener("abort", onAbort)
      ended ??= new Error("the reflection is over")
      call.cancel()
    },
  }
}

function readAnswer(bytes: Buffer): Buffer[] {
  // The shape is the one defined above, in protobuf's JSON mapping.
  const answer = toJson(
    messages.ServerReflectionResponse,
    fromBinary(messages.ServerReflectionResponse, bytes),
  ) as Answer
  if (answer.error_response === undefined)
    return (answer.file_descriptor_response?.file_descriptor_proto ?? []).map((text) =>
      Buffer.from(text, "base64"),
    )
  const { error_code = 0, error_message = "" } = answer.error_response
  // What only options need may be missing; what is really needed shows when the registry is built.
  if (error_code === NOT_FOUND) return []
  throw new ReflectionRefused(error_code, error_message)
}

function parseFile(bytes: Buffer): FileDescriptorProto {
  try {
    return fromBinary(FileDescriptorProtoSchema, bytes)
  } catch (thrown) {
    throw new Misconfigured("grpc_descriptors_invalid", "the server's reflection sent no file descriptor", {
      cause: thrown,
    })
  }
}

function unknownService(service: string, { status, message }: ReflectionRefused): Misconfigured {
  return new Misconfigured(
    "grpc_service_unknown",
    `the server knows no service ${service} (reflection answered ${status}${message === "" ? "" : `: ${message}`})`,
  )
}

function isUnimplemented(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === statuses.UNIMPLEMENTED
}
