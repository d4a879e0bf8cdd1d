import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { describe, expect, test } from "vitest"
import { findFreePort } from "./free-port.ts"

describe("findFreePort()", () => {
  test("gives the preferred port when it is free", async () => {
    const port = await findFreePort()
    expect(await findFreePort(port)).toBe(port)
  })

  test("gives another port when the preferred one is taken", async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    try {
      // A TCP server that listens has an address object.
      const { port } = taken.address() as AddressInfo
      const other = await findFreePort(port)
      expect(other).not.toBe(port)
      expect(other).toBeGreaterThan(0)
    } finally {
      taken.close()
    }
  })
})
