import { existsSync, readFileSync } from "node:fs"
import { Command } from "commander"
import { describe, expect, test } from "vitest"
import { parse } from "yaml"
import { z } from "zod"
import { HEALTH_ROUTES } from "../api/routes/table.ts"
import { parseSettings } from "../config/env.ts"
import { ROLES } from "../contract/roles.ts"
import { DYNAMIC_CONFIG } from "../local/temporal-settings.ts"
import { createAppContext } from "./app-context.ts"
import { addStartCommand } from "./commands/start.ts"

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")

const Service = z.object({
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  image: z.string(),
  build: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
})
const compose = read("docker-compose.yml")
const { services } = z
  .object({ services: z.record(z.string(), Service) })
  .parse(parse(compose, { merge: true }))
const ours = Object.values(services).filter(({ build }) => build !== undefined)

/** What Docker makes of `${NAME:-default}` and `${NAME:?message}`. */
const fill = (text: string): string =>
  text.replaceAll(/\$\{\w+:(?:-([^}]*)|\?[^}]*)\}/g, (_whole, byDefault?: string) => byDefault ?? "filled")

describe("docker-compose.yml", () => {
  test("runs each role once, with settings that there are and flags that there are", () => {
    const program = new Command()
    addStartCommand(program, createAppContext({}))
    const flags = program.commands[0]?.options.map(({ long }) => long)
    const roles = ours.flatMap(({ command, environment }) => {
      const [verb, ...words] = command
      expect(verb).toBe("start")
      for (const word of words.filter((one) => one.startsWith("--"))) expect(flags).toContain(word)
      const filled = Object.entries(environment).map(([name, text]) => [name, fill(text)])
      return parseSettings(Object.fromEntries(filled), { HOLDFAST_ROLE: words[words.indexOf("--role") + 1] })
        .roles
    })
    expect(roles.toSorted()).toEqual(ROLES.toSorted())
  })

  test.each([
    ["HOLDFAST_SECRETS", ["task-worker"]],
    ["HOLDFAST_MASTER_KEY", ["api", "task-worker"]],
    ["HOLDFAST_CONNECTIONS", ["api", "task-worker"]],
    ["HOLDFAST_ALLOWED_RANGES", ["api", "task-worker"]],
  ])("gives %s to %j alone", (variable, expected) => {
    const holders = Object.entries(services).filter(([, { environment }]) => variable in environment)
    expect(holders.map(([name]) => name)).toEqual(expected)
  })

  test("makes with a command of its head, and of both READMEs, each value that must be given", () => {
    const required = new Set([...compose.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name))
    expect(required.size).toBeGreaterThan(2)
    for (const file of ["docker-compose.yml", "README.md", "README.zh-CN.md"]) {
      const made = [...read(file).matchAll(/echo "(\w+)=\$\(openssl rand [^)]+\)" >> \.env/g)]
      expect(new Set(made.map(([, name]) => name)), file).toEqual(required)
    }
  })

  test("has no default for a secret, and publishes on loopback only", () => {
    const secrets = [...compose.matchAll(/\$\{(\w*(?:PASSWORD|SECRET|KEY)\w*):(.)/g)].filter(
      ([, name]) => name !== "SECRETS_FILE",
    )
    expect(secrets.length).toBeGreaterThan(3)
    for (const [, name, operator] of secrets) expect([name, operator]).toEqual([name, "?"])
    expect(compose).not.toMatch(/(PASSWORD|PWD): (?!\$\{)/)
    for (const { ports } of Object.values(services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
  })

  test("waits for the health of what is waited for, and mounts files that there are", () => {
    for (const { depends_on, volumes, build } of Object.values(services)) {
      for (const name of Object.keys(depends_on)) expect(services[name]?.healthcheck ?? name).not.toBe(name)
      if (build !== undefined) expect(Object.keys(depends_on)).toEqual(["postgres", "temporal"])
      const mounted = volumes.map(fill).filter((volume) => volume.startsWith("./"))
      for (const volume of mounted)
        expect(existsSync(new URL(`../../${volume.split(":")[0]}`, import.meta.url))).toBe(true)
    }
  })

  test("gives Temporal the settings that the private one has", () => {
    const settings = Object.entries(DYNAMIC_CONFIG).map(([name, value]) => [name, [{ value }]])
    expect(parse(read("deploy/temporal-settings.yaml"))).toEqual(Object.fromEntries(settings))
  })
})

describe("Dockerfile", () => {
  const dockerfile = read("Dockerfile")

  test("asks a health check that every process answers, as a user without rights", () => {
    const asked = /http:\/\/127\.0\.0\.1:\$\{[^}]+\}(\/\w+)/.exec(dockerfile)?.[1]
    expect(HEALTH_ROUTES.map(({ contract }) => contract.path)).toContain(asked)
    const last = dockerfile.slice(dockerfile.lastIndexOf("FROM "))
    expect(last).toMatch(/^USER node$/m)
    expect(last).toMatch(/^ENTRYPOINT \["node", "bin\/holdfast\.js"\]$/m)
  })

  test("takes along what the package is made of", () => {
    // A reading of our own file, which has this list.
    const { files } = JSON.parse(read("package.json")) as { files: string[] }
    for (const file of [...files, "node_modules", "package.json"])
      expect(dockerfile).toContain(`/build/${file}`)
  })
})
