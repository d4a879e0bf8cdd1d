import { describe, expect, test } from "vitest"
import { toMessageShape } from "./message-shape.ts"

describe("toMessageShape()", () => {
  test.each([
    ["numbers", "503 after 3 tries in 1.5s", "<n> after <n> tries in <n>s"],
    ["signs", "balance -5, or +7", "balance <n>, or <n>"],
    ["dashes", "order-17 of 2026-17", "order-<n> of <n>-<n>"],
    ["addresses", "connect ECONNREFUSED 127.0.0.1:8080", "connect ECONNREFUSED <n>"],
    ["numbers in words", "order_17 is not in shard3", "order_<n> is not in shard<n>"],
    ["an ISO time", "since 2026-11-21T08:00:01.123Z", "since <time>"],
    ["a time with an offset", "since 2026-11-21 08:00:01+08:00.", "since <time>."],
    ["a date", "due 2026-11-21!", "due <time>!"],
    ["an HTTP date", "until Sun, 29 Nov 2026 01:55:40 GMT", "until <time>"],
    ["a clock", "at 08:00:01", "at <n>"],
    ["UUIDs", "charge 3F2504E0-4F89-11D3-9A0C-0305E82C3301 is gone", "charge <uuid> is gone"],
    ["hexadecimal numbers", "at 0x7ffee3b1", "at <hex>"],
    ["digests", "order_5f3a9c1e07 of e3b0c44298fc1c14", "order_<hex> of <hex>"],
    ["ULIDs", "charge 01ARZ3NDEKTSV4RRFFQ69G5FAV", "charge <id>"],
    ["words of hexadecimal letters", "facade added, deadbeef defaced", "facade added, deadbeef defaced"],
    ["quoted texts", `no "red shoes" in 'stock A' or \`b\``, "no <text> in <text> or <text>"],
    ["a quote in a quote", String.raw`got "a \"b\" c" instead`, "got <text> instead"],
    ["apostrophes", "can't find Ann's order, don't retry", "can't find Ann's order, don't retry"],
    ["one quote alone", 'got "', 'got "'],
    ["Chinese text", "余额不足：需要 100.50 元，剩余 20 元", "余额不足：需要 <n> 元，剩余 <n> 元"],
    ["Chinese quotes", "订单“张三-001”不存在，商品「红鞋」缺货", "订单<text>不存在，商品<text>缺货"],
    ["Chinese beside ids", "订单5f3a9c1e07不存在", "订单<hex>不存在"],
    ["full-width digits", "第１２３号订单", "第<n>号订单"],
    ["a Chinese date", "2026年11月21日超时", "<n>年<n>月<n>日超时"],
    ["white space", "  a\n\tb  ", "a b"],
    ["nothing", "", ""],
  ])("replaces what differs: %s", (_name, message, shape) => {
    expect(toMessageShape(message)).toBe(shape)
  })

  test("is the same for messages that differ in data only", () => {
    const message = (order: string, amount: number) => `charge ${order} of ${amount} was refused`
    expect(toMessageShape(message("0a1b2c3d4e5f", 100))).toBe(toMessageShape(message("ffee00112233", 7)))
    expect(toMessageShape("refused: limit")).not.toBe(toMessageShape("refused: blocked"))
  })

  test("keeps 300 characters, and no half of one", () => {
    expect(toMessageShape("😀".repeat(400))).toBe("😀".repeat(300))
  })

  test("reads 2,000 characters: what a document of a target says after them makes no other group", () => {
    const long = "1".repeat(2_000)
    expect(toMessageShape(`${long}${"a".repeat(1_000_000)}`)).toBe(toMessageShape(long))
  })
})
