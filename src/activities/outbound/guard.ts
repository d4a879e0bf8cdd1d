/**
 * The one way out. Every connector resolves and dials through this guard: a name is resolved once, all of its
 * addresses are checked, and exactly those are dialled, so that a second answer of the resolver changes nothing.
 * Literals are checked by themselves, because Node asks no `lookup` for them. Fails closed.
 * Rules: C30, C31, C33 of the security reference; the table is in `contract/addresses.ts`.
 */
import { lookup as resolveName } from "node:dns/promises"
import { isIP, type LookupFunction, Socket, type TcpSocketConnectOpts } from "node:net"
import type { LookupAddress } from "node:dns"
import { type AddressPolicy, createAddressRules } from "../../contract/addresses.ts"
import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"

export type Resolver = (host: string) => Promise<LookupAddress[]>

export interface OutboundGuard {
  /** Throws `AddressBlocked` for a guarded literal or name, before a resolver is asked. */
  checkHost(host: string): void
  /** The addresses that may be dialled. Throws `AddressBlocked` when one of them is guarded. */
  resolve(host: string): Promise<LookupAddress[]>
  /** For clients that take Node's `lookup`; they must call `checkHost` themselves. */
  lookup: LookupFunction
  /** A socket whose `connect(port, host)` is guarded; a blocked address is its `error`. */
  createSocket(): GuardedSocket
}

/** `misconfigured`: nothing was sent. */
export class AddressBlocked extends Misconfigured {
  constructor(message: string) {
    super("address_blocked", message)
    this.name = "AddressBlocked"
  }
}

export interface GuardOptions extends AddressPolicy {
  /** Answers names; the system's resolver unless given. */
  resolver?: Resolver
}

/** Throws when a range of `allowRanges` is not CIDR. */
export function createOutboundGuard({ resolver = resolveAll, ...policy }: GuardOptions): OutboundGuard {
  const rules = createAddressRules(policy)

  const checkHost = (host: string): void => {
    if (host === "") throw new AddressBlocked("the host is empty")
    if (rules.guardsHost(host)) throw new AddressBlocked(explain(host))
  }

  const resolve = async (host: string): Promise<LookupAddress[]> => {
    checkHost(host)
    const literal = host.replace(/^\[|\]$/g, "")
    const family = isIP(literal)
    const addresses = family === 0 ? await resolver(host) : [{ address: literal, family }]
    if (addresses.length === 0)
      throw Object.assign(new Error(`${host} has no address`), { code: "ENOTFOUND" })
    if (addresses.some(({ address }) => rules.guardsAddress(address))) throw new AddressBlocked(explain(host))
    return addresses
  }

  const lookup: LookupFunction = (host, options, callback) => {
    // Both outcomes go to the callback, which is Node's and does not throw.
    void resolve(host)
      .catch(toError)
      .then((found) => answer(found, options, callback))
  }

  return { checkHost, resolve, lookup, createSocket: () => new GuardedSocket(checkHost, lookup) }
}

/** For drivers that bring their own protocol and take a socket: `connect(port, host)` as Node has it. */
export class GuardedSocket extends Socket {
  readonly #checkHost: (host: string) => void
  readonly #lookup: LookupFunction

  constructor(checkHost: (host: string) => void, lookup: LookupFunction) {
    super()
    this.#checkHost = checkHost
    this.#lookup = lookup
  }

  // Node's `connect` has forms for paths and option objects; a guarded socket has this one only.
  override connect(port: unknown, host?: unknown): this {
    if (typeof port !== "number" || typeof host !== "string")
      throw new TypeError("a guarded socket connects to a port and a host")
    try {
      this.#checkHost(host)
    } catch (thrown) {
      return this.destroy(toError(thrown))
    }
    const options: TcpSocketConnectOpts = { port, host, lookup: this.#lookup }
    return super.connect(options)
  }
}

type LookupCallback = Parameters<LookupFunction>[2]

function answer(
  found: LookupAddress[] | Error,
  options: Parameters<LookupFunction>[1],
  callback: LookupCallback,
): void {
  if (found instanceof Error) return callback(found, [])
  const wanted = Number(options.family ?? 0)
  const fitting = wanted === 4 || wanted === 6 ? found.filter(({ family }) => family === wanted) : found
  const first = fitting[0]
  if (!first)
    return callback(Object.assign(new Error("no address of this family"), { code: "ENOTFOUND" }), [])
  return options.all === true ? callback(null, fitting) : callback(null, first.address, first.family)
}

function resolveAll(host: string): Promise<LookupAddress[]> {
  return resolveName(host, { all: true })
}

/** Says nothing of the address behind a name: what a network looks like inside is no business of a flow's. */
function explain(host: string): string {
  return `${host} is, or leads to, an address that calls may not reach: use a public address, or have an administrator allow its range by HOLDFAST_ALLOWED_RANGES`
}
