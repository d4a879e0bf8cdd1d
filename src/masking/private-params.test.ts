import { describe, expect, test } from "vitest"
import { createPrivacy } from "./private-params.ts"

const params = {
  card: "4111111111111111",
  pin: 12,
  holder: { name: "Ann Miller", tags: ["red", "王小明"] },
  amount: 5,
}

describe("createPrivacy()", () => {
  test("without a mask everything is shown, the same value", () => {
    const privacy = createPrivacy({}, params)
    expect(privacy.params(params)).toBe(params)
    expect(privacy.hide(params)).toBe(params)
  })

  test("what is pointed at is gone from params, whatever it is and however short", () => {
    const privacy = createPrivacy({ mask: ["/params/card", "/params/pin", "/params/holder/tags/1"] }, params)
    expect(privacy.params(params)).toEqual({
      card: "[redacted]",
      pin: "[redacted]",
      holder: { name: "Ann Miller", tags: ["red", "[redacted]"] },
      amount: 5,
    })
    expect(params.card).toBe("4111111111111111")
  })

  test("its values are gone from everything else, in every spelling, also as numbers", () => {
    const privacy = createPrivacy({ mask: ["/params/card", "/params/holder"] }, params)
    expect(
      privacy.hide({
        input: { number: "4111111111111111", as_number: 4_111_111_111_111_111 },
        url: "https://shop/pay?name=Ann%20Miller&x=1",
        text: 'declined: {"name":"Ann Miller"}',
        amount: 5,
        none: null,
      }),
    ).toEqual({
      input: { number: "[redacted]", as_number: "[redacted]" },
      url: "https://shop/pay?name=[redacted]&x=1",
      text: 'declined: {"name":"[redacted]"}',
      amount: 5,
      none: null,
    })
  })

  test("a pointer to nothing hides nothing; ~1 and ~0 are read", () => {
    expect(createPrivacy({ mask: ["/params/a/b/0"] }, { a: "x" }).params({ a: "x" })).toEqual({ a: "x" })
    const odd = { "a/b~c": "secret-value" }
    expect(createPrivacy({ mask: ["/params/a~1b~0c"] }, odd).params(odd)).toEqual({ "a/b~c": "[redacted]" })
  })
})
