import { describe, expect, test } from "vitest"
import { parseDatabaseUrl } from "./parse-database-url.ts"

describe("parseDatabaseUrl()", () => {
  test("hands a URL on", () => {
    const url = "postgres://ann:p%40ss@db:5433/shop?sslmode=require"
    expect(parseDatabaseUrl(` ${url} `)).toEqual({ connectionString: url })
  })

  test("reads the keyword form as libpq does", () => {
    expect(
      parseDatabaseUrl(
        "host=localhost port=5433 user = ann password='it\\'s a = b' dbname=shop sslmode=disable TimeZone=UTC",
      ),
    ).toEqual({
      host: "localhost",
      port: 5433,
      user: "ann",
      password: "it's a = b",
      database: "shop",
      ssl: false,
    })
  })

  test("verifies the peer whenever TLS is asked for", () => {
    expect(parseDatabaseUrl("host=db sslmode=require")).toEqual({ host: "db", ssl: true })
  })

  test.each([
    ["host=db prot=5432", /unknown database keyword "prot": known are host/],
    ["host=db port=zero", /port must be 1 to 65535, got "zero"/],
    ["host=db password='open", /cannot be read from position 8/],
    ["host=db sslmode=maybe", /unknown sslmode "maybe"/],
    ["postgres://ann:sec ret@:x/y", /percent-encoded/],
    ["mysql://db/shop", /postgres:\/\/user@host/],
  ])("explains what is wrong with %s", (text, message) => {
    expect(() => parseDatabaseUrl(text)).toThrow(message)
  })

  test("does not repeat a password", () => {
    const complain = () => parseDatabaseUrl("postgres://ann:s3cret@[::/y")
    expect(complain).toThrow(/cannot be read/)
    expect(complain).not.toThrow(/s3cret/)
  })
})
