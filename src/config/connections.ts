import { readFile } from "node:fs/promises"
import path from "node:path"
import { z } from "zod"
import { CONNECTION_KINDS_OF_TASK, PROFILES } from "../contract/connections.ts"
import type { Connection } from "../contract/connections.ts"
import { toError } from "../contract/errors.ts"
import { explainHeaderName, explainHeaderValue } from "../contract/header-rules.ts"
import { KEY_HEADER } from "../contract/names.ts"
import { EFFECTS } from "../contract/statuses.ts"
import { checkTogether, descriptorSet, limits, tlsFields } from "./connection-fields.ts"
import { withDescriptorSet } from "./descriptor-set-file.ts"
import { ConfigError, describeIssues } from "./problems.ts"

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "expected letters, digits, _ . - (at most 64)")
const base = {
  name,
  default: z.boolean().optional(),
  effect: z.enum(EFFECTS).optional(),
  limits,
  ...tlsFields,
}
const host = z.string().min(1)
const port = z.int().min(1).max(65_535)
const tls = z.boolean().optional()
const profile = z.enum(PROFILES).optional()
const secretName = z.string().min(1)
/** AMQP counts the bytes of a name in one byte. */
const shortText = z.string().refine((text) => Buffer.byteLength(text) <= 255, "expected at most 255 bytes")
const fields = z
  .record(z.string(), z.union([z.string(), z.strictObject({ secret: secretName })]))
  .superRefine((written, context) => {
    for (const name of Object.keys(written)) {
      if (name.toLowerCase() !== KEY_HEADER) continue
      const message = `a connection's ${KEY_HEADER} is the same for all calls, so that the target would drop them as repeats: leave it out, each call sends its own`
      context.issues.push({ code: "custom", message, path: [name], input: written })
    }
  })
const headers = fields
  .superRefine((written, context) => {
    for (const [name, value] of Object.entries(written)) {
      const message =
        explainHeaderName(name) ?? (typeof value === "string" ? explainHeaderValue(name, value) : undefined)
      if (message !== undefined)
        context.issues.push({ code: "custom", message, path: [name], input: written })
    }
  })
  .optional()
const baseUrl = z
  .url({ protocol: /^https?$/, error: "expected an http or https URL" })
  .refine((url) => !/[?#]/.test(url), "expected no query and no fragment: the url of a task is put behind it")
  .refine(
    (url) => !/^[^/]*\/\/[^/]*@/.test(url),
    "expected no user and password: give an authorization header, with a secret",
  )

const kinds = z.discriminatedUnion("kind", [
  z.strictObject({
    ...base,
    kind: z.literal("http"),
    base_url: baseUrl,
    profile,
    headers,
  }),
  z.strictObject({
    ...base,
    kind: z.enum(["http-rpc", "jsonrpc"]),
    host,
    port,
    tls,
    path: z.string().startsWith("/").optional(),
    profile,
    headers,
  }),
  z.strictObject({
    ...base,
    kind: z.literal("grpc"),
    host,
    port,
    tls,
    profile,
    metadata: fields.optional(),
    descriptor_set: descriptorSet.optional(),
  }),
  z.strictObject({
    ...base,
    kind: z.literal("mqtt"),
    host,
    port,
    tls,
    protocol: z.enum(["3.1.1", "5"]).optional(),
    username: z.string().optional(),
    password_secret: secretName.optional(),
  }),
  z.strictObject({
    ...base,
    kind: z.literal("rabbitmq"),
    host,
    port,
    tls,
    vhost: shortText.min(1).optional(),
    exchange: shortText.optional(),
    username: z.string().min(1),
    password_secret: secretName,
  }),
  z
    .strictObject({
      ...base,
      kind: z.literal("nats"),
      host,
      port,
      tls,
      stream: z.string().min(1).optional(),
      username: z.string().min(1).optional(),
      password_secret: secretName.optional(),
      token_secret: secretName.optional(),
      credentials_secret: secretName.optional(),
    })
    .refine((one) => (one.username === undefined) === (one.password_secret === undefined), {
      error: "a username and a password_secret go together",
      path: ["password_secret"],
    })
    .refine(
      (one) =>
        [one.username, one.token_secret, one.credentials_secret].filter((way) => way !== undefined).length <
        2,
      {
        error: "expected one way to log in: username, token_secret or credentials_secret",
        path: ["username"],
      },
    ),
  z.strictObject({
    ...base,
    kind: z.enum(["postgres", "mysql"]),
    host,
    port,
    database: z.string().min(1),
    user: z.string().min(1),
    password_secret: secretName.optional(),
    tls,
    pool_size: z.int().min(1).max(1_000).optional(),
  }),
])

/** What a connection may say, in a file and in the API. */
export const connectionSchema = kinds.superRefine(checkTogether) satisfies z.ZodType<Connection>

/**
 * A list of connections as JSON. `source` names the file in messages.
 * @throws ConfigError with every problem at once.
 */
export function parseConnections(text: string, source: string): Connection[] {
  return checkConnections(parseJson(text, source), source)
}

/** @throws ConfigError, also when the file, or one that it names, cannot be read. */
export async function loadConnections(file: string): Promise<Connection[]> {
  const list = parseJson(await readConfigFile(file), file)
  if (!Array.isArray(list)) return checkConnections(list, file)
  const directory = path.dirname(file)
  const settings = await Promise.all(list.map((one: unknown) => withDescriptorSet(one, directory)))
  return checkConnections(settings, file)
}

function checkConnections(list: unknown, source: string): Connection[] {
  const parsed = z.array(connectionSchema).safeParse(list)
  if (!parsed.success) throw new ConfigError(source, describeIssues(parsed.error))
  const problems = [...findRepeatedNames(parsed.data), ...findRepeatedDefaults(parsed.data)]
  if (problems.length > 0) throw new ConfigError(source, problems)
  return parsed.data
}

/** Names of secrets that connections ask for. */
export function listSecretNames(connections: readonly Connection[]): string[] {
  const names = connections.flatMap((one) => {
    const fields: (string | undefined)[] = [one.key_secret]
    if ("password_secret" in one) fields.push(one.password_secret)
    if (one.kind === "nats") fields.push(one.token_secret, one.credentials_secret)
    const values = { ...("headers" in one ? one.headers : {}), ...("metadata" in one ? one.metadata : {}) }
    for (const value of Object.values(values)) if (typeof value === "object") fields.push(value.secret)
    return fields.filter((field) => field !== undefined)
  })
  return [...new Set(names)]
}

export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8")
  } catch (thrown) {
    throw new ConfigError(file, [toError(thrown).message])
  }
}

export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new ConfigError(source, [`expected JSON: ${toError(thrown).message}`])
  }
}

function findRepeatedNames(connections: Connection[]): string[] {
  const seen = new Set<string>()
  return connections.flatMap(({ name }, index) => {
    if (seen.has(name)) return [`${index}/name: "${name}" is there twice`]
    seen.add(name)
    return []
  })
}

function findRepeatedDefaults(connections: Connection[]): string[] {
  return Object.entries(CONNECTION_KINDS_OF_TASK).flatMap(([task, kinds]) => {
    const defaults = connections.filter(
      (one) => one.default === true && (kinds as readonly string[]).includes(one.kind),
    )
    const names = defaults.map((one) => one.name).join(", ")
    return defaults.length > 1
      ? [`only one connection can be the default of ${task} tasks, not ${names}`]
      : []
  })
}
