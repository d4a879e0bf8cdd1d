/** Fields of connections that have rules of their own. */
import { isIP } from "node:net"
import { z } from "zod"
import { parseCertificates, PemInvalid } from "../connection/certificates.ts"
import {
  DescriptorSetInvalid,
  MAX_DESCRIPTOR_SET_BYTES,
  parseDescriptorSet,
} from "../connection/descriptor-set.ts"
import { type Connection, DEFAULT_POOL_SIZE } from "../contract/connections.ts"

export const descriptorSet = z
  .string("expected base64 text: what the API answers in its place is a summary only")
  .superRefine((text, context) => {
    try {
      parseDescriptorSet(text)
    } catch (thrown) {
      if (!(thrown instanceof DescriptorSetInvalid)) throw thrown
      context.issues.push({ code: "custom", message: `the descriptor set ${thrown.message}`, input: text })
    }
  })
  .meta({
    description: `Base64 of a serialized FileDescriptorSet (\`protoc --include_imports --descriptor_set_out\`, \`buf build\`), at most ${MAX_DESCRIPTOR_SET_BYTES} bytes. With it the server is asked for no reflection. Answered as its sha256, size and services.`,
  })

const MAX_PEM_LENGTH = 256 * 1024
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/

const certificates = z
  .string()
  .max(MAX_PEM_LENGTH)
  .superRefine((pem, context) => {
    try {
      parseCertificates(pem)
    } catch (thrown) {
      if (!(thrown instanceof PemInvalid)) throw thrown
      context.issues.push({ code: "custom", message: `the text ${thrown.message}`, input: pem })
    }
  })

/** Of every kind. */
export const tlsFields = {
  ca: certificates.optional().meta({
    description: "PEM text of the authorities to trust, in place of those that Node knows.",
  }),
  cert: certificates.optional().meta({
    description:
      "PEM text of the client's own certificate, and of those between it and its authority (mutual TLS). Goes with `key_secret`.",
  }),
  key_secret: z.string().min(1).optional().meta({
    description:
      "Name of the secret that holds the private key of `cert`, as PEM text without a passphrase. A changed secret is used within seconds.",
  }),
  server_name: z
    .string()
    .refine((name) => HOST_NAME.test(name) || isIP(name) !== 0, "expected a host name or an address")
    .optional()
    .meta({ description: "The name that the server's certificate must have, where that is not the host." }),
}

export const limits = z
  .strictObject({
    max_in_flight: z.int().min(1).max(100_000).optional().meta({
      description: "Calls on their way at the same time. Of a database not more than its `pool_size`.",
    }),
    per_second: z.number().min(0.001).max(100_000).optional().meta({
      description: "Calls that begin within a second, evenly spaced. May be below 1.",
    }),
  })
  .optional()
  .meta({
    description:
      "Of one process: with several task workers each counts its own calls, so that the target sees as many times as much. Calls wait in the order in which they came, before anything is sent; one whose attempt's time ends first is not executed, `connection_busy`.",
  })

const TLS_FIELDS = ["ca", "cert", "key_secret", "server_name"] as const

/** What fields ask of each other. */
export function checkTogether(connection: Connection, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string): void =>
    void context.issues.push({ code: "custom", message, path: [field], input: connection })
  const { cert, key_secret } = connection
  if ((cert === undefined) !== (key_secret === undefined))
    refuse(cert === undefined ? "cert" : "key_secret", "a cert and a key_secret go together")
  const places = "database" in connection ? (connection.pool_size ?? DEFAULT_POOL_SIZE) : Infinity
  if ((connection.limits?.max_in_flight ?? 0) > places)
    refuse(
      "limits",
      `max_in_flight is more than the pool has connections (pool_size, ${places}): calls would wait for one inside`,
    )
  if (usesTls(connection)) return
  const switchedOn = connection.kind === "http" ? "a base_url of https" : "tls: true"
  for (const field of TLS_FIELDS)
    if (connection[field] !== undefined)
      refuse(field, `without TLS it would do nothing: expected ${switchedOn} beside it`)
}

function usesTls(connection: Connection): boolean {
  return connection.kind === "http" ? /^https:/i.test(connection.base_url) : connection.tls === true
}
