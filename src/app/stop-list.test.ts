import { describe, expect, test } from "vitest"
import { createStopList, withStopList } from "./stop-list.ts"

describe("createStopList()", () => {
  test("stops in the opposite order, all of them, and collects what failed", async () => {
    const order: string[] = []
    const stops = createStopList()
    stops.add("database", () => order.push("database"))
    stops.add("worker", () => {
      order.push("worker")
      throw new Error("busy")
    })
    stops.add("api", () => Promise.resolve(order.push("api")))
    await expect(stops.stop()).rejects.toThrow("worker did not stop: busy")
    expect(order).toEqual(["api", "worker", "database"])
  })

  test("stops once when asked twice", async () => {
    let times = 0
    const stops = createStopList()
    stops.add("one", () => times++)
    await Promise.all([stops.stop(), stops.stop()])
    expect(times).toBe(1)
  })
})

describe("withStopList()", () => {
  test("stops what was started when the start fails", async () => {
    let stopped = false
    const starting = withStopList((stops) => {
      stops.add("one", () => (stopped = true))
      return Promise.reject(new Error("no port"))
    })
    await expect(starting).rejects.toThrow("no port")
    expect(stopped).toBe(true)
  })
})
