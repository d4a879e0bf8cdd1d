/**
 * Which addresses no call may reach unless an administrator allows them: loopback, private, link-local,
 * documentation, multicast and transition ranges, and the metadata services of clouds. Pure, so that the API
 * can refuse a literal at publish by the same table that the outbound guard applies at connect time.
 * Source: the SSRF list of the security reference; `::/96` is there because `::127.0.0.1` reaches loopback.
 */
const GUARDED_RANGES = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96",
  "::ffff:0:0:0/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/32",
  "2001:db8::/32",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
].map(parseRange)

const LOOPBACK_RANGES = ["127.0.0.0/8", "::1/128"].map(parseRange)
/** An allowed range that merely contains one of these does not open it: it must be allowed by itself. */
const METADATA_ADDRESSES = ["169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"].map(
  (text) => parseRange(`${text}/${text.includes(":") ? 128 : 32}`),
)
const METADATA_NAMES = new Set(["metadata", "metadata.google.internal", "metadata.goog", "instance-data"])

export interface AddressPolicy {
  /** Local mode: 127.0.0.0/8 and ::1 may be reached. */
  allowLoopback: boolean
  /** CIDR ranges an administrator has opened, such as `10.20.0.0/16`. */
  allowRanges?: readonly string[] | undefined
}

export interface AddressRules {
  /** Of a resolved address. What is no address is guarded. */
  guardsAddress(address: string): boolean
  /** Of a host as written: a literal in any spelling, `localhost` or a metadata name. Other names: false. */
  guardsHost(host: string): boolean
}

/** Throws when a range is not CIDR. */
export function createAddressRules(policy: AddressPolicy): AddressRules {
  const allowed = (policy.allowRanges ?? []).map(parseRange)
  const guards = (address: Address): boolean => {
    const plain = unmapped(address)
    if (METADATA_ADDRESSES.some((range) => contains(range, plain)))
      return !allowed.some((range) => range.prefix === range.base.bits && contains(range, plain))
    if (allowed.some((range) => contains(range, plain))) return false
    if (policy.allowLoopback && LOOPBACK_RANGES.some((range) => contains(range, plain))) return false
    return GUARDED_RANGES.some((range) => contains(range, plain))
  }
  return {
    guardsAddress(text) {
      const address = parseAddress(text)
      return address === undefined || guards(address)
    },
    guardsHost(host) {
      const name = bareHost(host)
      const address = parseAddress(name) ?? parseOddIpv4(name)
      if (address) return guards(address)
      if (name === "localhost" || name.endsWith(".localhost")) return !policy.allowLoopback
      return METADATA_NAMES.has(name)
    },
  }
}

/**
 * Whether a host, as it is written in a flow or a connection, is refused without asking a resolver.
 * `host` may be bracketed (`[::1]`) and may be spelled as `2130706433`, `0x7f.1` or `0177.0.0.1`.
 */
export function isGuardedLiteral(host: string, policy: AddressPolicy = { allowLoopback: false }): boolean {
  return createAddressRules(policy).guardsHost(host)
}

interface Address {
  bits: 32 | 128
  value: bigint
}

interface Range {
  base: Address
  prefix: number
}

function parseRange(text: string): Range {
  const slash = text.lastIndexOf("/")
  const base = slash < 0 ? undefined : parseAddress(text.slice(0, slash))
  const prefix = Number(text.slice(slash + 1))
  if (!base || !/^\d{1,3}$/.test(text.slice(slash + 1)) || prefix > base.bits)
    throw new Error(`"${text}" is not an address range: expected CIDR such as 10.20.0.0/16 or fd12::/48`)
  return { base, prefix }
}

function contains({ base, prefix }: Range, address: Address): boolean {
  if (base.bits !== address.bits) return false
  const shift = BigInt(base.bits - prefix)
  return base.value >> shift === address.value >> shift
}

/** `::ffff:10.0.0.1` travels as IPv4 and is judged as such. */
function unmapped(address: Address): Address {
  if (address.bits === 128 && address.value >> 32n === 0xffffn)
    return { bits: 32, value: address.value & 0xffff_ffffn }
  return address
}

function bareHost(host: string): string {
  const unbracketed = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host
  return unbracketed.toLowerCase().replace(/\.$/, "")
}

function parseAddress(text: string): Address | undefined {
  // A zone (`fe80::1%eth0`) names an interface, not another address.
  const plain = text.replace(/%.*$/s, "")
  return plain.includes(":") ? parseIpv6(plain) : parseIpv4(plain)
}

function parseIpv4(text: string): Address | undefined {
  if (!/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text)) return undefined
  return { bits: 32, value: text.split(".").reduce((value, part) => value * 256n + BigInt(part), 0n) }
}

/** The forms that `inet_aton` and URL parsers take: one to four parts, decimal, octal or hexadecimal. */
function parseOddIpv4(text: string): Address | undefined {
  const parts = text.split(".")
  if (parts.length > 4 || !parts.every((part) => /^(?:0x[\da-f]*|\d+)$/.test(part))) return undefined
  const numbers = parts.map(parseOddNumber)
  const last = numbers.pop() ?? 0n
  if (numbers.some((number) => number > 255n) || last >= 256n ** BigInt(4 - numbers.length)) return undefined
  const high = numbers.reduce((value, number, index) => value + number * 256n ** BigInt(3 - index), 0n)
  return { bits: 32, value: high + last }
}

function parseOddNumber(text: string): bigint {
  if (text.startsWith("0x")) return BigInt(text === "0x" ? "0x0" : text)
  return BigInt(/^0[0-7]+$/.test(text) ? `0o${text.slice(1)}` : text)
}

function parseIpv6(text: string): Address | undefined {
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0] ?? "", halves.length === 1)
  const tail = parseGroups(halves[1] ?? "", true)
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...tail]
  return { bits: 128, value: groups.reduce((value, group) => (value << 16n) | group, 0n) }
}

function parseGroups(text: string, mayEndInIpv4: boolean): bigint[] | undefined {
  if (text === "") return []
  const groups: bigint[] = []
  const parts = text.split(":")
  for (const [index, part] of parts.entries()) {
    if (/^[\da-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`))
    else {
      const embedded = mayEndInIpv4 && index === parts.length - 1 ? parseIpv4(part) : undefined
      if (!embedded) return undefined
      groups.push(embedded.value >> 16n, embedded.value & 0xffffn)
    }
  }
  return groups
}
