/** A gRPC service in this process, with or without reflection, as its proto text says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import {
  loadPackageDefinition,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
} from "@grpc/grpc-js"
import { loadSync, type PackageDefinition } from "@grpc/proto-loader"
import { ReflectionService } from "@grpc/reflection"

export const SHOP_PROTO = `
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
service Payment {
  rpc Charge (ChargeRequest) returns (ChargeReply);
  rpc Watch (ChargeRequest) returns (stream ChargeReply);
}
message ChargeRequest {
  string order_id = 1;
  int64 amount_cents = 2;
  google.protobuf.Timestamp due_at = 3;
  google.protobuf.Struct extra = 4;
  Line line = 5;
  message Line { string sku = 1; Kind kind = 2; }
  enum Kind { KIND_UNSPECIFIED = 0; GOODS = 1; }
}
message ChargeReply {
  string payment_id = 1;
  int64 charged_cents = 2;
  bool replayed = 3;
  map<string, string> notes = 4;
  google.protobuf.Timestamp charged_at = 5;
}
`

export type Call = ServerUnaryCall<Record<string, unknown>, unknown>
export type Handler = (call: Call, reply: sendUnaryData<unknown>) => void

export interface TestGrpcServer {
  port: number
  /** Calls that reached the handler. */
  calls: Call[]
  /** Reflection streams that were opened. */
  reflections: number
  /** Kills connections and calls. */
  stop(): void
}

export interface GrpcServerOptions {
  proto?: string
  handler: Handler
  /** Of the methods that a proto of its own has beside `Charge`. */
  methods?: Record<string, Handler>
  reflection?: "both" | "v1alpha" | "none"
  port?: number
  credentials?: ServerCredentials
}

export async function startGrpc(options: GrpcServerOptions): Promise<TestGrpcServer> {
  const { handler, proto = SHOP_PROTO, reflection = "both", port = 0 } = options
  const definition = loadProto(proto)
  const server = new Server()
  const calls: Call[] = []
  server.addService(serviceOf(definition, "shop.Payment"), {
    Charge: (call: Call, reply: sendUnaryData<unknown>) => {
      calls.push(call)
      handler(call, reply)
    },
    Watch: (call: { end(): void }) => call.end(),
    ...options.methods,
  })
  const state = { port: 0, calls, reflections: 0, stop: () => server.forceShutdown() }
  const count = () => void state.reflections++
  if (reflection !== "none") addReflection(server, definition, { versions: reflection, count })
  state.port = await new Promise<number>((resolve, reject) => {
    const credentials = options.credentials ?? ServerCredentials.createInsecure()
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, found) =>
      error ? reject(error) : resolve(found),
    )
  })
  return state
}

type Implementation = Parameters<Server["addService"]>[1]

function addReflection(
  server: Server,
  definition: PackageDefinition,
  { versions, count }: { versions: "both" | "v1alpha"; count: () => void },
): void {
  new ReflectionService(definition).addToServer({
    addService(service, implementation) {
      const name = Object.values(service)[0]?.path ?? ""
      if (versions === "v1alpha" && !name.includes("v1alpha")) return
      const counted = Object.entries(implementation).map(([method, handle]) => [
        method,
        (...call: unknown[]) => {
          count()
          // Whatever the handler's kind is, it gets what it would have got.
          ;(handle as (...args: unknown[]) => void)(...call)
        },
      ])
      server.addService(service, Object.fromEntries(counted) as Implementation)
    },
  })
}

export function metadataOf(values: Record<string, string>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(values)) metadata.set(name, value)
  return metadata
}

function loadProto(text: string): PackageDefinition {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-proto-"))
  try {
    const file = path.join(directory, "shop.proto")
    writeFileSync(file, text)
    return loadSync(file, { keepCase: true, longs: String, enums: String, defaults: true })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function serviceOf(definition: PackageDefinition, name: string): ServiceDefinition {
  let at: unknown = loadPackageDefinition(definition)
  for (const part of name.split(".")) at = (at as Record<string, unknown>)[part]
  // The proto text defines a service of this name.
  return (at as { service: ServiceDefinition }).service
}
