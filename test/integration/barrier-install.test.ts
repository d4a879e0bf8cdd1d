import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type BusinessDatabase, businessDialects } from "../helpers/business-databases.ts"
import { runCli } from "../helpers/cli.ts"

describe.each(businessDialects.map((dialect) => [dialect.name, dialect] as const))(
  "holdfast barrier install on %s",
  (_name, dialect) => {
    let cwd: string
    let database: BusinessDatabase
    let url: string
    beforeAll(async () => {
      cwd = await mkdtemp(path.join(tmpdir(), "holdfast-barrier-"))
      database = await dialect.open()
      const { kind, user, port, database: name } = database.connection
      url = `${kind}://${user}:${database.password}@127.0.0.1:${port}/${name}`
    })
    afterAll(async () => {
      await database.drop()
      await rm(cwd, { recursive: true, force: true })
    })
    beforeEach(() => database.query("drop table if exists holdfast_barrier"))

    const rows = () => database.query("select * from holdfast_barrier")
    async function install(args: string[], environment: Record<string, string> = {}) {
      const run = runCli(["barrier", "install", ...args], { cwd, environment })
      const code = await run.ended
      return { code, stdout: run.stdout(), stderr: run.stderr() }
    }

    test("creates the table once, and says what it did", async () => {
      const named = ["--url-env", "BUSINESS_URL"]
      const first = await install(named, { BUSINESS_URL: url })
      expect(first).toEqual({
        code: 0,
        stdout: `created holdfast_barrier in ${database.connection.database}\n`,
        stderr: "",
      })
      expect(await rows()).toEqual([])
      const again = await install([...named, "--output", "json"], { BUSINESS_URL: url })
      expect(JSON.parse(again.stdout)).toEqual({
        table: "holdfast_barrier",
        database: database.connection.database,
        installed: "was_there",
      })
    })

    test("reaches the database of a connection, with its secret", async () => {
      const connections = path.join(cwd, "connections.json")
      const secrets = path.join(cwd, "secrets.json")
      await writeFile(
        connections,
        JSON.stringify([{ name: "business", ...database.connection, password_secret: "password" }]),
      )
      await writeFile(secrets, JSON.stringify({ password: database.password }), { mode: 0o600 })
      const files = { HOLDFAST_CONNECTIONS: connections, HOLDFAST_SECRETS: secrets }
      expect(await install(["--connection", "business"], files)).toMatchObject({
        code: 0,
        stdout: `created holdfast_barrier in ${database.connection.database}\n`,
      })
      expect(await rows()).toEqual([])
    })

    test("prints what an administrator can run", async () => {
      const { stdout, code } = await install(["--print", "--dialect", database.connection.kind])
      expect(code).toBe(0)
      await database.query(stdout)
      expect(await rows()).toEqual([])
    })
  },
)

describe("holdfast barrier install", () => {
  test.each([
    [[], "expected --connection NAME"],
    [["--url-env", "NOT_SET"], "NOT_SET is not set"],
    [["--url-env", "OTHER_KIND"], "expected postgres://... or mysql://..."],
    [["--print"], "--print needs --dialect"],
    [["--print", "--connection", "a"], "cannot be used with"],
  ])("is told what is wrong with %j", async (args, message) => {
    const run = runCli(["barrier", "install", ...args], {
      cwd: tmpdir(),
      environment: { OTHER_KIND: "redis://user:s3cret@localhost" },
    })
    expect(await run.ended).toBe(2)
    expect(run.stderr()).toContain(message)
    expect(run.stderr()).not.toContain("s3cret")
  })
})
