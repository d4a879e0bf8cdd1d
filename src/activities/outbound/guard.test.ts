import { once } from "node:events"
import { createServer } from "node:net"
import { describe, expect, test } from "vitest"
import { AddressBlocked, createOutboundGuard, type Resolver } from "./guard.ts"

const answers: Record<string, string[]> = {
  "public.test": ["93.184.216.34"],
  "private.test": ["10.0.0.7"],
  "mixed.test": ["93.184.216.34", "::ffff:a9fe:a9fe"],
  "none.test": [],
  "odd.test": ["not-an-address"],
  "loopback.test": ["127.0.0.1"],
}
const resolver: Resolver = (host) =>
  Promise.resolve(
    (answers[host] ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
  )

describe("createOutboundGuard()", () => {
  test("refuses a name when one of its addresses is guarded", async () => {
    const guard = createOutboundGuard({ allowLoopback: false, resolver })
    await expect(guard.resolve("public.test")).resolves.toEqual([{ address: "93.184.216.34", family: 4 }])
    for (const host of ["private.test", "mixed.test", "odd.test", "loopback.test"])
      await expect(guard.resolve(host), host).rejects.toThrow(AddressBlocked)
  })

  test("asks no resolver for literals and metadata names", async () => {
    const asked: string[] = []
    const guard = createOutboundGuard({
      allowLoopback: false,
      resolver: (host) => {
        asked.push(host)
        return resolver(host)
      },
    })
    for (const host of ["127.0.0.1", "[::1]", "0x7f.1", "localhost", "metadata.google.internal", ""])
      await expect(guard.resolve(host), host).rejects.toThrow(AddressBlocked)
    await expect(guard.resolve("[2606:4700::1111]")).resolves.toEqual([
      { address: "2606:4700::1111", family: 6 },
    ])
    expect(asked).toEqual([])
  })

  test("says neither which address a name has nor which range it met", async () => {
    const guard = createOutboundGuard({ allowLoopback: false, resolver })
    await expect(guard.resolve("private.test")).rejects.not.toThrow(/10\./)
  })

  test("tells a name without addresses from a guarded one", async () => {
    const guard = createOutboundGuard({ allowLoopback: false, resolver })
    await expect(guard.resolve("none.test")).rejects.toMatchObject({ code: "ENOTFOUND" })
  })

  test("dials the address it checked, not what the resolver says later", async () => {
    const server = createServer((socket) => socket.end("here"))
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    let asked = 0
    const guard = createOutboundGuard({
      allowLoopback: true,
      resolver: () => Promise.resolve([{ address: ++asked === 1 ? "127.0.0.1" : "10.0.0.7", family: 4 }]),
    })
    try {
      const socket = guard.createSocket().connect(address.port, "rebinding.test")
      const [greeting] = await once(socket, "data")
      expect(String(greeting)).toBe("here")
      expect(asked).toBe(1)
      const second = guard.createSocket().connect(address.port, "rebinding.test")
      const [error] = await once(second, "error")
      expect(error).toBeInstanceOf(AddressBlocked)
    } finally {
      server.close()
    }
  })

  test("answers Node's lookup in each of its forms", async () => {
    const guard = createOutboundGuard({ allowLoopback: true, resolver })
    const ask = (host: string, options: object) =>
      new Promise((resolve) => guard.lookup(host, options, (...said) => resolve(said)))
    expect(await ask("public.test", { all: true })).toEqual([null, [{ address: "93.184.216.34", family: 4 }]])
    expect(await ask("public.test", {})).toEqual([null, "93.184.216.34", 4])
    expect(await ask("public.test", { family: 6 })).toEqual([
      expect.objectContaining({ code: "ENOTFOUND" }),
      [],
    ])
    expect(await ask("private.test", { all: true })).toEqual([expect.any(AddressBlocked), []])
  })

  test("has no other form of connect", () => {
    const socket = createOutboundGuard({ allowLoopback: true }).createSocket()
    expect(() => socket.connect("/var/run/postgres.sock")).toThrow(TypeError)
    expect(() => socket.connect({ port: 1, host: "10.0.0.1" })).toThrow(TypeError)
  })

  test("refuses a range that is not CIDR when it is made", () => {
    expect(() => createOutboundGuard({ allowLoopback: false, allowRanges: ["10.0.0.0"] })).toThrow(/CIDR/)
  })
})
