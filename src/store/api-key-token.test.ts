import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { createApiKeyToken, parseApiKeyToken } from "./api-key-token.ts"

describe("createApiKeyToken()", () => {
  test("makes a token that parses to what is stored", () => {
    const { token, id, secretHash } = createApiKeyToken()
    expect(token).toMatch(/^hf_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9a-f]{8}$/)
    expect(parseApiKeyToken(token)).toEqual({ id, secretHash })
    expect(secretHash).toEqual(
      createHash("sha256")
        .update(token.split("_")[2] ?? "")
        .digest(),
    )
  })

  test("makes no two alike and uses the whole alphabet", () => {
    const tokens = Array.from({ length: 500 }, () => createApiKeyToken().token)
    expect(new Set(tokens).size).toBe(500)
    expect(new Set(tokens.flatMap((token) => (token.split("_")[2] ?? "").split(""))).size).toBe(62)
  })
})

describe("parseApiKeyToken()", () => {
  test("refuses a token with any character changed", () => {
    const { token } = createApiKeyToken()
    for (let index = 0; index < token.length; index++) {
      const changed = token.slice(0, index) + (token[index] === "0" ? "1" : "0") + token.slice(index + 1)
      expect(parseApiKeyToken(changed), changed).toBeUndefined()
    }
  })

  test.each([
    "",
    "hf_",
    "Bearer x",
    "hf_abcdefgh_secret_00000000",
    "default_token",
    "admin",
    "changeme",
    "test",
    `hf_${"a".repeat(8)}_${"a".repeat(43)}_${"0".repeat(8)}`,
  ])("refuses %j", (token) => {
    expect(parseApiKeyToken(token)).toBeUndefined()
  })

  test("refuses a token with anything around it", () => {
    const { token } = createApiKeyToken()
    for (const text of [` ${token}`, `${token}\n`, `${token}x`, token.toUpperCase()]) {
      expect(parseApiKeyToken(text)).toBeUndefined()
    }
  })
})
