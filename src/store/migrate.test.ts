import { describe, expect, test } from "vitest"
import { planMigrations, readMigrations } from "./migrate.ts"

const migration = (number: number, checksum = `sum-${number}`) => ({
  number,
  name: `000${number}_word.sql`,
  sql: "",
  checksum,
})

describe("planMigrations()", () => {
  test("plans what is not applied, in order", () => {
    const due = planMigrations([migration(1), migration(2), migration(3)], [migration(1)])
    expect(due.map(({ number }) => number)).toEqual([2, 3])
  })

  test("refuses a migration that was changed after it was applied", () => {
    expect(() => planMigrations([migration(1, "other")], [migration(1)])).toThrow(/0001_word.sql was changed/)
  })

  test("refuses a schema that is newer than the build", () => {
    expect(() => planMigrations([migration(1)], [migration(1), migration(2)])).toThrow(
      /newer than this build: it has migration 0002_word.sql, this build ends at 1/,
    )
  })
})

describe("readMigrations()", () => {
  test("reads the numbered files of the package", async () => {
    const migrations = await readMigrations(new URL("migrations/", import.meta.url))
    expect(migrations[0]).toMatchObject({ number: 1, name: "0001_init.sql" })
    expect(migrations[0]?.checksum).toMatch(/^[0-9a-f]{64}$/)
  })
})
