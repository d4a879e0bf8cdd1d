import { isIP } from "node:net"
import { describe, expect, test } from "vitest"
import { createAddressRules, isGuardedLiteral } from "./addresses.ts"

const closed = createAddressRules({ allowLoopback: false })
const local = createAddressRules({ allowLoopback: true })

/** First and last address of every guarded range, and its public neighbours where it has some. */
const EDGES: [range: string, inside: string[], outside: string[]][] = [
  ["0/8", ["0.0.0.0", "0.255.255.255"], ["1.0.0.0"]],
  ["10/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]],
  ["100.64/10", ["100.64.0.0", "100.127.255.255"], ["100.63.255.255", "100.128.0.0"]],
  ["127/8", ["127.0.0.0", "127.255.255.255"], ["126.255.255.255", "128.0.0.0"]],
  ["169.254/16", ["169.254.0.0", "169.254.255.255"], ["169.253.255.255", "169.255.0.0"]],
  ["172.16/12", ["172.16.0.0", "172.31.255.255"], ["172.15.255.255", "172.32.0.0"]],
  ["192.0.0/24", ["192.0.0.0", "192.0.0.255"], ["191.255.255.255", "192.0.1.0"]],
  ["192.0.2/24", ["192.0.2.0", "192.0.2.255"], ["192.0.1.255", "192.0.3.0"]],
  ["192.88.99/24", ["192.88.99.0", "192.88.99.255"], ["192.88.98.255", "192.88.100.0"]],
  ["192.168/16", ["192.168.0.0", "192.168.255.255"], ["192.167.255.255", "192.169.0.0"]],
  ["198.18/15", ["198.18.0.0", "198.19.255.255"], ["198.17.255.255", "198.20.0.0"]],
  ["198.51.100/24", ["198.51.100.0", "198.51.100.255"], ["198.51.99.255", "198.51.101.0"]],
  ["203.0.113/24", ["203.0.113.0", "203.0.113.255"], ["203.0.112.255", "203.0.114.0"]],
  ["224/4 and 240/4", ["224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"], ["223.255.255.255"]],
  ["::/96", ["::", "::1", "::7f00:1", "::ffff:ffff"], ["::1:0:0:0"]],
  ["::ffff:0:0:0/96", ["::ffff:0:0:0", "::ffff:0:7f00:1"], ["::fffe:0:7f00:1"]],
  ["64:ff9b::/96", ["64:ff9b::", "64:ff9b::ffff:ffff"], ["64:ff9b::1:0:0", "64:ff9a::1"]],
  ["64:ff9b:1::/48", ["64:ff9b:1::", "64:ff9b:1:ffff::1"], ["64:ff9b:2::1"]],
  ["100::/64", ["100::", "100::ffff:ffff:ffff:ffff"], ["100:0:0:1::"]],
  ["2001::/32", ["2001::", "2001:0:ffff::1"], ["2001:1::1"]],
  ["2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::1"]],
  ["2002::/16", ["2002::", "2002:7f00:1::"], ["2003::1"]],
  ["fc00::/7", ["fc00::", "fdff::1"], ["fbff::1"]],
  ["fe80::/10 and fec0::/10", ["fe80::1", "febf::1", "fec0::1", "feff::1"], ["fe7f::1"]],
  ["ff00::/8", ["ff00::", "ffff::1"], []],
]

describe("createAddressRules()", () => {
  test.each(EDGES)("guards %s to its edges and not beyond", (_range, inside, outside) => {
    for (const address of inside) expect(closed.guardsAddress(address), address).toBe(true)
    for (const address of outside) {
      expect(isIP(address), address).not.toBe(0)
      expect(closed.guardsAddress(address), address).toBe(false)
    }
  })

  test("judges an IPv4 address mapped into IPv6 as the IPv4 address it reaches", () => {
    for (const mapped of ["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:10.0.0.1"])
      expect(closed.guardsAddress(mapped), mapped).toBe(true)
    expect(closed.guardsAddress("::ffff:8.8.8.8")).toBe(false)
  })

  test("opens loopback, and nothing else, in local mode", () => {
    for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
      expect(local.guardsAddress(address), address).toBe(false)
    for (const address of ["0.0.0.0", "::", "::7f00:1", "10.0.0.1", "169.254.169.254", "::ffff:0:7f00:1"])
      expect(local.guardsAddress(address), address).toBe(true)
  })

  test("opens the ranges an administrator allows, mapped spellings included", () => {
    const rules = createAddressRules({
      allowLoopback: false,
      allowRanges: ["10.20.0.0/16", "fd12:3456::/32"],
    })
    for (const address of ["10.20.255.1", "::ffff:10.20.0.1", "fd12:3456::9"])
      expect(rules.guardsAddress(address), address).toBe(false)
    for (const address of ["10.21.0.1", "fd12:3457::9", "127.0.0.1"])
      expect(rules.guardsAddress(address), address).toBe(true)
  })

  test("keeps a metadata address closed inside an allowed range, unless it is allowed by itself", () => {
    const wide = createAddressRules({ allowLoopback: true, allowRanges: ["169.254.0.0/16", "fd00::/8"] })
    expect(wide.guardsAddress("169.254.1.1")).toBe(false)
    expect(wide.guardsAddress("169.254.169.254")).toBe(true)
    expect(wide.guardsAddress("fd00:ec2::254")).toBe(true)
    const exact = createAddressRules({ allowLoopback: false, allowRanges: ["169.254.169.254/32"] })
    expect(exact.guardsAddress("169.254.169.254")).toBe(false)
  })

  test("guards what is no address at all", () => {
    for (const text of [
      "",
      "example.org",
      "1.2.3",
      "1.2.3.4.5",
      "::1::",
      "1:2:3:4:5:6:7:8:9",
      "::12345",
      "1.2.3.256",
    ])
      expect(closed.guardsAddress(text), text).toBe(true)
  })

  test("refuses a range that is not CIDR", () => {
    for (const range of ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "example.org/8", "::/129", "10.0.0.0/-1"])
      expect(() => createAddressRules({ allowLoopback: false, allowRanges: [range] }), range).toThrow(/CIDR/)
  })
})

describe("isGuardedLiteral()", () => {
  const spellings = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "0",
  ]
  test.each(spellings)("sees through the spelling %s", (host) => {
    expect(isGuardedLiteral(host)).toBe(true)
    expect(isGuardedLiteral(new URL(`http://${host}/`).hostname)).toBe(true)
  })

  test("sees full-width and circled digits once URL has normalised them", () => {
    for (const host of ["１２７.０.０.１", "①②⑦.⓪.⓪.①"])
      expect(isGuardedLiteral(new URL(`http://${host}/`).hostname), host).toBe(true)
  })

  test.each([
    "[::1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[fe80::1%25eth0]",
    "fe80::1%eth0",
    "[FD00:EC2::254]",
    "::",
  ])("guards the IPv6 literal %s", (host) => {
    expect(isGuardedLiteral(host)).toBe(true)
  })

  test("guards localhost and metadata names in any case, with or without the final dot", () => {
    for (const host of ["localhost", "LOCALHOST.", "a.localhost", "Metadata.Google.Internal.", "metadata"])
      expect(isGuardedLiteral(host), host).toBe(true)
    expect(isGuardedLiteral("localhost", { allowLoopback: true })).toBe(false)
    expect(isGuardedLiteral("metadata.google.internal", { allowLoopback: true })).toBe(true)
  })

  test("leaves public literals and ordinary names to the resolver", () => {
    for (const host of [
      "8.8.8.8",
      "[2606:4700::1111]",
      "example.org",
      "payment",
      "1.2.3.4.example",
      "0xzz",
      "256.1",
    ])
      expect(isGuardedLiteral(host), host).toBe(false)
  })
})
