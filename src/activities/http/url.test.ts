import { describe, expect, test } from "vitest"
import { Misconfigured } from "../call.ts"
import { resolveUrl } from "./url.ts"

describe("resolveUrl()", () => {
  test.each([
    ["/parcels", "http://h:8090", "http://h:8090/parcels"],
    ["/parcels", "http://h:8090/", "http://h:8090/parcels"],
    ["/parcels?a=1", "https://h/api/v1", "https://h/api/v1/parcels?a=1"],
    ["/a/../b", "http://h/api", "http://h/api/b"],
    ["/@evil.test/x", "http://h", "http://h/@evil.test/x"],
    ["/:80/x", "http://h", "http://h/:80/x"],
  ])("puts %s under %s", (url, base, resolved) => {
    expect(resolveUrl(url, undefined, base).href).toBe(resolved)
  })

  test.each([
    "//evil.test/x",
    "///evil.test",
    "http://evil.test/x",
    "https:evil.test",
    "parcels",
    "@evil.test/x",
    ".evil.test",
    ":99/x",
    "/\\evil.test",
    "\\\\evil.test",
    "/../admin",
    "/%2e%2e/admin",
    "/a/../../admin",
    "/a\r\nx-evil: 1",
    "/a b",
    "/a\tb",
    "/a#b",
    "",
    7,
    undefined,
  ])("refuses %j with a connection", (url) => {
    expect(() => resolveUrl(url, undefined, "http://h/api")).toThrow(Misconfigured)
  })

  test.each([
    "ftp://h/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "/x",
    "h/x",
    "http://u:p@h/x",
    "http://u@h",
    "http://",
  ])("refuses %s without one", (url) => {
    expect(() => resolveUrl(url, undefined, undefined)).toThrow(Misconfigured)
  })

  test("takes a whole URL without a connection", () => {
    expect(resolveUrl("http://service-a/process", undefined, undefined).href).toBe("http://service-a/process")
  })

  test("refuses a connection's address that holds credentials or another scheme", () => {
    for (const base of ["http://u:p@h", "ftp://h", "h:80", "not a url"])
      expect(() => resolveUrl("/x", undefined, base), base).toThrow(/base_url/)
  })

  test("adds query parameters to those of the url, encoded", () => {
    const url = resolveUrl("/x?a=1", { b: "ä&c", n: 5, t: true, list: [1, "2"] }, "http://h")
    expect(url.search).toBe("?a=1&b=%C3%A4%26c&n=5&t=true&list=1&list=2")
  })

  test("refuses a query parameter that is no scalar", () => {
    for (const query of [{ a: {} }, { a: null }, { a: [[]] }, "a=1", []])
      if (!Array.isArray(query) || query.length > 0)
        expect(() => resolveUrl("/x", query, "http://h"), JSON.stringify(query)).toThrow(Misconfigured)
    expect(() => resolveUrl("/x", [], "http://h")).toThrow(Misconfigured)
  })
})
