import { afterEach, describe, expect, test, vi } from "vitest"
import { createListeningLogger } from "../../../test/helpers/listening-logger.ts"
import { watchMirrorLag } from "./lag-watch.ts"

const NOTHING = { pending: 0, lag_ms: 0, flushes: 0, written: 0, dropped: 0, refused: 0, connected: true }

afterEach(() => {
  vi.useRealTimers()
})

describe("watchMirrorLag()", () => {
  test("warns once for each time that rows wait for more than 30 s", () => {
    vi.useFakeTimers()
    const logger = createListeningLogger()
    let lag_ms = 0
    const end = watchMirrorLag(() => ({ ...NOTHING, lag_ms }), logger)
    const said = (lag: number) => {
      lag_ms = lag
      logger.lines.length = 0
      vi.advanceTimersByTime(5_000)
      return logger.lines.map(({ level, message }) => `${level}: ${message}`)
    }
    const late = ["warn: the mirror is more than 30 s late"]
    const inTime = ["info: the mirror is in time again"]
    expect([said(30_000), said(30_001), said(90_000), said(0), said(0), said(31_000)]).toEqual([
      [],
      late,
      [],
      inTime,
      [],
      late,
    ])
    end()
    expect(said(0)).toEqual([])
  })
})
