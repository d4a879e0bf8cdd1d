import { Client, credentials } from "@grpc/grpc-js"

const DESCRIBE_NAMESPACE = "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace"

/**
 * Asks a Temporal frontend for one of its namespaces; resolves when it answers that it has it.
 * @throws whatever gRPC says, after at most `timeoutMs`.
 */
export async function pingTemporal(address: string, namespace: string, timeoutMs: number): Promise<void> {
  const client = new Client(address, credentials.createInsecure())
  try {
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(
        DESCRIBE_NAMESPACE,
        (request: Buffer) => request,
        (answer: Buffer) => answer,
        encodeRequest(namespace),
        { deadline: Date.now() + timeoutMs },
        (error) => (error === null ? resolve() : reject(error)),
      )
    })
  } finally {
    client.close()
  }
}

/** `DescribeNamespaceRequest{namespace}`: field 1, length-delimited. Names stay far below 128 bytes. */
function encodeRequest(namespace: string): Buffer {
  const name = Buffer.from(namespace, "utf8")
  return Buffer.concat([Buffer.from([0x0a, name.length]), name])
}
