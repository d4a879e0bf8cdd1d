import { expect, test } from "vitest"
import { isKnown, toContentEtag } from "./if-match.ts"

test.each([
  ['"a"', true],
  ['"b", "a"', true],
  ['W/"a"', true],
  ["*", true],
  ['"b"', false],
  ["a", false],
  [undefined, false],
])("isKnown() of If-None-Match: %s", (known, expected) => {
  expect(isKnown('"a"', known)).toBe(expected)
})

test("toContentEtag() tells contents apart", () => {
  expect(toContentEtag({ a: 1 })).toMatch(/^"[\w-]{22}"$/)
  expect(toContentEtag({ a: 1 })).not.toBe(toContentEtag({ a: 2 }))
})
