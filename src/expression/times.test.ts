import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ExpressionSyntaxError, parseExpression } from "../flow/parse-expression.ts"
import { ExpressionError } from "./error.ts"
import { evaluate } from "./evaluate.ts"
import { createMeter } from "./meter.ts"
import { render } from "./render.ts"

function run(source: string, scope: Record<string, unknown> = {}): unknown {
  return evaluate(parseExpression(source), scope, createMeter())
}

function codeOf(source: string, scope: Record<string, unknown> = {}): string {
  try {
    return `a value: ${JSON.stringify(run(source, scope))}`
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return thrown.code
    throw thrown
  }
}

describe("a timestamp", () => {
  test.each([
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"],
    ["2026-01-31T20:00:00+08:00", "2026-01-31T12:00:00Z"],
    ["2025-12-31T23:30:00.25-01:30", "2026-01-01T01:00:00.25Z"],
    ["2026-01-31t12:00:00.120z", "2026-01-31T12:00:00.12Z"],
    ["1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    ["0099-03-01T00:00:00Z", "0099-03-01T00:00:00Z"],
    ["9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"],
  ])("%s leaves as %s", (text, wanted) => {
    expect(run("timestamp(x)", { x: text })).toBe(wanted)
    expect(run("[timestamp(x)]", { x: text })).toEqual([wanted])
  })

  test.each([
    "",
    "now",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-01-31 12:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-01-31T23:59:60Z",
    "2026-01-31T12:00:00.Z",
    "2026-01-31T12:00:00.1234567890Z",
    "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+8",
    " 2026-01-31T12:00:00Z",
    "9".repeat(100_000),
  ])("is none: %j", (text) => {
    expect(codeOf("timestamp(x)", { x: text })).toBe("invalid_argument")
  })

  test.each(["0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])(
    "is outside of its years: %s",
    (text) => {
      expect(codeOf("timestamp(x)", { x: text })).toBe("overflow")
    },
  )

  test("comes from seconds, and gives them, the whole ones below it", () => {
    expect(run("timestamp(1234567890)")).toBe("2009-02-13T23:31:30Z")
    expect(run("int(timestamp('1969-12-31T23:59:58.5Z'))")).toBe(-2)
    expect(codeOf("timestamp(9223372036854775807)")).toBe("overflow")
    // A JSON number is a double, and says so.
    expect(codeOf("timestamp(x)", { x: 1_234_567_890 })).toBe("type_mismatch")
    expect(run("timestamp(int(x))", { x: 1_234_567_890 })).toBe("2009-02-13T23:31:30Z")
  })

  test.each([
    ["getFullYear", 2025, 2026],
    ["getMonth", 11, 0],
    ["getDate", 31, 1],
    ["getDayOfMonth", 30, 0],
    ["getDayOfWeek", 3, 4],
    ["getDayOfYear", 364, 0],
    ["getHours", 20, 4],
    ["getMinutes", 29, 29],
    ["getSeconds", 58, 58],
    ["getMilliseconds", 765, 765],
  ])("%s is %d in UTC and %d in +08:00", (name, utc, shanghai) => {
    const scope = { at: "2025-12-31T20:29:58.7654321Z", zone: "+08:00" }
    expect(run(`timestamp(at).${name}()`, scope)).toBe(utc)
    expect(run(`timestamp(at).${name}('UTC')`, scope)).toBe(utc)
    expect(run(`timestamp(at).${name}(zone)`, scope)).toBe(shanghai)
  })

  test("has no fields in a named zone: said at publish where it is written out, else when it is read", () => {
    const source = "timestamp('2026-01-31T12:00:00Z').getHours('Asia/Shanghai')"
    expect(() => parseExpression(source)).toThrow(ExpressionSyntaxError)
    expect(() => parseExpression(source)).toThrow(/a time zone is 'UTC' or an offset such as '\+08:00'/)
    expect(codeOf("timestamp(0).getHours(x)", { x: "Asia/Shanghai" })).toBe("invalid_argument")
    for (const zone of ["+8", "+24:00", "+08:60", "", "utc"])
      expect(codeOf("timestamp(0).getHours(x)", { x: zone }), zone).toBe("invalid_argument")
    expect(codeOf("timestamp(0).getHours(1)")).toBe("type_mismatch")
  })

  test("fields are written as methods, with one argument at most", () => {
    expect(() => parseExpression("getHours(x)")).toThrow(/is written time\.getHours\(\) or/)
    expect(() => parseExpression("x.getHours('UTC', 1)")).toThrow(/has 2 arguments/)
  })

  test("is what Date says it is, whenever it is", () => {
    fc.assert(
      fc.property(
        fc.date({
          min: new Date("0001-01-01T00:00:00Z"),
          max: new Date("9999-12-31T00:00:00Z"),
          noInvalidDate: true,
        }),
        (date) => {
          const at = date.toISOString()
          const text = run("timestamp(at)", { at })
          expect(Date.parse(String(text))).toBe(date.getTime())
          const fields = "[t.getFullYear(), t.getMonth(), t.getDate(), t.getDayOfWeek(), t.getHours()]"
          expect(run(`[timestamp(at)].map(t, ${fields})[0]`, { at })).toEqual([
            date.getUTCFullYear(),
            date.getUTCMonth(),
            date.getUTCDate(),
            date.getUTCDay(),
            date.getUTCHours(),
          ])
        },
      ),
      { seed: 7, numRuns: 500 },
    )
  })
})

describe("a duration", () => {
  test.each([
    ["3600s", "3600s"],
    ["1h30m", "5400s"],
    ["-1.5s", "-1.5s"],
    ["+250ms", "0.25s"],
    ["1us1µs1ns", "0.000002001s"],
    ["0", "0s"],
    ["-0", "0s"],
    [".5m", "30s"],
    ["1.h", "3600s"],
    ["1.0000000019s", "1.000000001s"],
    ["2562047h47m16.854775807s", "9223372036.854775807s"],
  ])("%s leaves as %s", (text, wanted) => {
    expect(run("duration(x)", { x: text })).toBe(wanted)
  })

  test.each(["", "1", "1d", "s", ".s", "1h 30m", "1h-30m", "--1s", "1e3s", "P1D", "9".repeat(100_000)])(
    "is none: %j",
    (text) => {
      expect(codeOf("duration(x)", { x: text })).toBe("invalid_argument")
    },
  )

  test("has a limit, and no other type becomes one", () => {
    expect(codeOf("duration('2562047h47m16.854775808s')")).toBe("overflow")
    expect(codeOf("duration('-2562048h')")).toBe("overflow")
    for (const source of ["duration(1)", "duration(1.5)", "duration(null)", "int(duration('1s'))"])
      expect(codeOf(source), source).toBe("type_mismatch")
  })

  test.each([
    ["getHours", 2],
    ["getMinutes", 166],
    ["getSeconds", 10_000],
    ["getMilliseconds", 321],
  ])("%s is %d", (name, wanted) => {
    expect(run(`duration('10000.321456s').${name}()`)).toBe(wanted)
  })

  test("has neither a year nor a time zone", () => {
    expect(codeOf("duration('1s').getFullYear()")).toBe("type_mismatch")
    expect(codeOf("duration('1s').getHours('UTC')")).toBe("type_mismatch")
  })
})

describe("timestamps and durations together", () => {
  const scope = { started: "2026-01-31T23:30:00Z", ended: "2026-02-01T01:00:00.5+00:00" }

  test.each([
    ["timestamp(started) + duration('45m')", "2026-02-01T00:15:00Z"],
    ["duration('45m') + timestamp(started)", "2026-02-01T00:15:00Z"],
    ["timestamp(started) - duration('24h')", "2026-01-30T23:30:00Z"],
    ["timestamp(ended) - timestamp(started)", "5400.5s"],
    ["timestamp(ended) > timestamp(started)", true],
    ["timestamp(ended) - timestamp(started) >= duration('1h30m')", true],
    ["timestamp(started) == timestamp('2026-02-01T07:30:00+08:00')", true],
    ["timestamp(started) in [timestamp(ended), timestamp(started)]", true],
    ["timestamp(started) == started", false],
    ["duration('0s') == timestamp(0)", false],
    ["type(timestamp(0)) == google.protobuf.Timestamp", true],
    ["type(duration('1s')) == google.protobuf.Duration", true],
    ["string(timestamp(started)) + string(duration('90s'))", "2026-01-31T23:30:00Z90s"],
    ["join([timestamp(0), duration('1m')], ' ')", "1970-01-01T00:00:00Z 60s"],
    ["timestamp(timestamp(started)) == timestamp(started)", true],
    ["duration(duration('1s')) == duration('1s')", true],
  ])("%s", (source, wanted) => {
    expect(run(source, scope)).toBe(wanted)
  })

  test.each([
    "timestamp(0) + timestamp(0)",
    "duration('1s') - timestamp(0)",
    "timestamp(0) < duration('1s')",
    "timestamp(0) + 1",
    "duration('1s') * 2",
    "-duration('1s')",
    "sum([duration('1s')])",
    "size(timestamp(0))",
    "{timestamp(0): 1}",
    "double(timestamp(0))",
  ])("%s has no value", (source) => {
    expect(codeOf(source)).toBe("type_mismatch")
  })

  test("stand in a text, and in whatever leaves", () => {
    const template = {
      text: ["+", "by ", parseExpression("timestamp(0) + duration('1h')"), "!"],
      deep: ["$", parseExpression("{'at': [timestamp(0)], 'for': duration('1m')}")],
    } as const
    expect(JSON.stringify(render(template, {}, createMeter()))).toBe(
      '{"text":"by 1970-01-01T01:00:00Z!","deep":{"at":["1970-01-01T00:00:00Z"],"for":"60s"}}',
    )
  })

  test("cost steps as all else does, and count in the size of a result", () => {
    expect(() => evaluate(parseExpression("timestamp(0)"), {}, createMeter({ steps: 1 }))).toThrow(/steps/)
    expect(() => evaluate(parseExpression("timestamp(0)"), {}, createMeter({ value_bytes: 20 }))).toThrow(
      /larger than 20 bytes/,
    )
  })

  test("there is no clock", () => {
    for (const source of ["now()", "timestamp()", "timestamp.now()"])
      expect(() => parseExpression(source), source).toThrow(ExpressionSyntaxError)
  })
})
