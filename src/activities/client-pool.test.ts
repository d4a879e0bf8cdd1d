import { describe, expect, test } from "vitest"
import { createClientPool } from "./client-pool.ts"

function createTrial() {
  const built: string[] = []
  const closed: string[] = []
  const pool = createClientPool(
    ({ name, port }: { name: string; port: number }) => {
      built.push(`${name}:${port}`)
      return { id: `${name}:${port}#${built.length}` }
    },
    async ({ id }) => void closed.push(id),
  )
  return { built, closed, pool }
}

describe("createClientPool()", () => {
  test("keeps one client for a connection", () => {
    const { pool, built } = createTrial()
    expect(pool.get({ name: "a", port: 1 })).toBe(pool.get({ name: "a", port: 1 }))
    expect(pool.get({ name: "b", port: 1 })).not.toBe(pool.get({ name: "a", port: 1 }))
    expect(built).toEqual(["a:1", "b:1"])
  })

  test("builds anew when the connection has changed, and closes the old one", async () => {
    const { pool, built, closed } = createTrial()
    pool.get({ name: "a", port: 1 })
    pool.get({ name: "a", port: 2 })
    await Promise.resolve()
    expect(built).toEqual(["a:1", "a:2"])
    expect(closed).toEqual(["a:1#1"])
  })

  test("drops a broken client once, and never its successor", async () => {
    const { pool, closed } = createTrial()
    const first = pool.get({ name: "a", port: 1 })
    await pool.drop(first)
    const second = pool.get({ name: "a", port: 1 })
    await pool.drop(first)
    expect(second).not.toBe(first)
    expect(pool.get({ name: "a", port: 1 })).toBe(second)
    expect(closed).toEqual(["a:1#1"])
  })

  test("closes all", async () => {
    const { pool, closed } = createTrial()
    pool.get({ name: "a", port: 1 })
    pool.get({ name: "b", port: 1 })
    await pool.close()
    expect(closed).toEqual(["a:1#1", "b:1#2"])
  })
})
