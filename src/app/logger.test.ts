import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { createMask } from "../masking/mask.ts"
import { createLogger } from "./logger.ts"

test("createLogger() shows errors, and leaves what is already text as it is", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-log-"))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = path.join(directory, "logs", "demo.log")
  const logger = createLogger({ level: "info", output: file })
  logger.warn({ error: new TypeError("bad start", { cause: new Error("no plan") }) }, "Workflow failed")
  logger.warn({ error: "connection lost" }, "the mirror waits")
  const lines = (await readFile(file, "utf8")).trim().split("\n")
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
    { error: { type: "TypeError", message: "bad start: no plan" } },
    { error: "connection lost" },
  ])
})

test("createLogger() writes a line for people, and only one for each event", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-log-"))
  onTestFinished(() => rm(directory, { recursive: true }))
  const output = path.join(directory, "log")
  const logger = createLogger({ level: "info", output, format: "text" })
  logger.warn({ error: "lost\nat once", tries: 2 }, "two\nlines")
  expect(await readFile(output, "utf8")).toMatch(
    /^\d{4}-\S+Z WARN  two\\nlines  error="lost\\nat once"  tries=2\n$/,
  )
})

test("createLogger() masks whole lines, and a line stays JSON", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-log-"))
  onTestFinished(() => rm(directory, { recursive: true }))
  const file = path.join(directory, "demo.log")
  const mask = createMask()
  for (const secret of ['sp"ace', "12345678"]) mask.learn(secret)
  const logger = createLogger({ level: "info", output: file, mask: mask.text })
  logger.warn({ error: new Error('refused sp"ace'), deep: { a: ['sp"ace'] } }, 'with sp"ace')
  logger.warn({ pin: 12345678 }, "a number")
  const text = await readFile(file, "utf8")
  expect(text).not.toMatch(/ace|12345678/)
  const lines = text.trim().split("\n")
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
    { error: { message: "refused [redacted]" }, msg: "with [redacted]" },
    { msg: expect.stringContaining("a number") },
  ])
})
