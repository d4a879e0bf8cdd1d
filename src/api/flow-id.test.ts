import { describe, expect, test } from "vitest"
import { refuseFlowName } from "../flow/flow-name.ts"
import { createFlowId } from "./flow-id.ts"

describe("createFlowId()", () => {
  test("makes UUIDs of version 7 that sort by time", () => {
    const ids = [0, 1, 999, 1_763_712_183_000, Date.now()].map((now) => createFlowId(now))
    expect(ids.toSorted()).toEqual(ids)
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test("makes no two alike, and none that could be a name", () => {
    const ids = Array.from({ length: 1_000 }, () => createFlowId())
    expect(new Set(ids).size).toBe(1_000)
    expect(ids.every((id) => refuseFlowName(id) !== undefined)).toBe(true)
  })
})
