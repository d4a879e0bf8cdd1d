import { expect, test } from "vitest"
import { judgeNode } from "./doctor.ts"

test.each([
  ["v20.18.3", "bad"],
  ["v20.19.0", "ok"],
  ["v22.0.0", "ok"],
  ["v18.20.0", "bad"],
])("judgeNode(%s) is %s", (version, verdict) => {
  expect(judgeNode(version).verdict).toBe(verdict)
})
