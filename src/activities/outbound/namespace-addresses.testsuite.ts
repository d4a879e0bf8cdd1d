/** The addresses of the namespace in which the guard is tried: see `guard-namespace.test.ts`. */

/** Stands for a host that may be called. */
export const PUBLIC = "93.184.216.34"
export const PUBLIC_6 = "2606:2800:220:1::1"
/** One of each range that the kernel lets a device hold. */
export const FORBIDDEN_4 = [
  "10.0.0.5",
  "100.64.0.5",
  "100.100.100.200",
  "127.0.0.5",
  "169.254.169.254",
  "172.16.0.5",
  "192.0.0.192",
  "192.0.2.5",
  "192.88.99.5",
  "192.168.0.5",
  "198.18.0.5",
  "198.51.100.5",
  "203.0.113.5",
]
export const FORBIDDEN_6 = [
  "::1",
  "fc00::5",
  "fd00:ec2::254",
  "fec0::5",
  "2001:db8::5",
  "2001::5",
  "2002::5",
  "100::5",
  "64:ff9b::5",
  "64:ff9b:1::5",
]
export const SPELLINGS = [
  "127.1",
  "2130706433",
  "0x7f.1",
  "0177.0.0.1",
  "0",
  "localhost",
  "[::ffff:10.0.0.5]",
  "[::ffff:7f00:1]",
  "[::7f00:1]",
]
