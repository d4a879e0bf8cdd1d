/** Whose call it is, from the headers, the metadata or the message that it came with. */
import { IDENTITY_HEADERS } from "../contract/names.ts"
import { type BarrierCall, invalid } from "./call.ts"

/**
 * Node's headers, a `Headers` of fetch, gRPC metadata, the headers of a message of NATS or RabbitMQ, the user
 * properties of one of MQTT 5, or the CloudEvent that one of MQTT 3.1.1 is.
 */
export type HeaderSource = { get(name: string): unknown } | { readonly [name: string]: unknown }

type Names = Record<keyof typeof IDENTITY_HEADERS, string>
type Decode = (text: string, name: string) => string

/**
 * The call's identity, for `barrier.do` or `barrier.undo`. Whoever can reach the service can claim any of it, so
 * authenticate the caller first. Throws `BarrierError` (`call_invalid`), which names the header that is missing or
 * cannot be read.
 */
export function barrierKeyFromHeaders(headers: HeaderSource): Required<BarrierCall> {
  const find = createFind(headers)
  const { names, decode, tenantOf } = findShape(find)
  const get = (name: string): string => {
    const text = find(name)
    if (text === undefined || text === "")
      throw invalid(
        `the header ${name} is missing: expected a call of Holdfast's, with all that says whose it is`,
      )
    return decode(text, name)
  }
  return {
    tenant: tenantOf(get(names.tenant)),
    transaction: get(names.transaction),
    task: get(names.task),
    generation: toGeneration(get(names.generation), names.generation),
    operation: toOperation(get(names.operation), names.operation),
    fingerprint: get(names.fingerprint),
  }
}

interface Shape {
  names: Names
  decode: Decode
  tenantOf: (text: string) => string
}

/** HTTP and gRPC have headers of their own; messages have a CloudEvent's attributes, with a prefix or without one. */
function findShape(find: (name: string) => string | undefined): Shape {
  const prefix = ["ce-", ""].find((one) => find(`${one}holdfasttransaction`) !== undefined)
  if (prefix === undefined) return { names: IDENTITY_HEADERS, decode: decodePercent, tenantOf: asItIs }
  return {
    names: {
      tenant: `${prefix}source`,
      transaction: `${prefix}holdfasttransaction`,
      task: `${prefix}holdfasttask`,
      operation: `${prefix}holdfastoperation`,
      generation: `${prefix}holdfastgeneration`,
      fingerprint: `${prefix}holdfastfingerprint`,
    },
    // Of all brokers NATS alone takes no other characters in a header.
    decode: find("nats-msg-id") === undefined ? asItIs : decodePercent,
    tenantOf: readSource,
  }
}

/** One value of that name, whatever the case of its letters. Throws where there are several. */
function createFind(headers: HeaderSource): (name: string) => string | undefined {
  if (isGetter(headers))
    return (name) => {
      // NATS tells apart cases, and this is the server's own word.
      const found = headers.get(name) ?? undefined
      return toText(found === "" && name === "nats-msg-id" ? headers.get("Nats-Msg-Id") : found, name)
    }
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return (name) => toText(byName.get(name), name)
}

function isGetter(headers: HeaderSource): headers is { get(name: string): unknown } {
  return "get" in headers && typeof headers.get === "function"
}

function toText(value: unknown, name: string): string | undefined {
  if (Array.isArray(value)) {
    if (value.length > 1) throw invalid(`the header ${name} came ${value.length} times: expected it once`)
    return toText(value[0], name)
  }
  if (value === undefined || value === null || value === "") return undefined
  if (typeof value === "string" || typeof value === "number") return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  throw invalid(`the header ${name} is ${typeof value}: expected text`)
}

function decodePercent(text: string, name: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw invalid(`the header ${name} is ${JSON.stringify(text)}: expected percent-encoded text`, { cause })
  }
}

function asItIs(text: string): string {
  return text
}

function readSource(source: string): string {
  const tenant = /^\/holdfast\/(.+)$/s.exec(source)?.[1]
  if (tenant !== undefined) return tenant
  throw invalid(`the event's source is ${JSON.stringify(source)}: expected /holdfast/ and a tenant`)
}

function toGeneration(text: string, name: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw invalid(`the header ${name} is ${JSON.stringify(text)}: expected a number from 1`)
}

function toOperation(text: string, name: string): "do" | "undo" {
  if (text === "do" || text === "undo") return text
  throw invalid(`the header ${name} is ${JSON.stringify(text)}: expected do or undo`)
}
