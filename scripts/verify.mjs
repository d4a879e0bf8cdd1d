// Every gate that needs no server, in seconds: all of them run, also after one failed, one line each.
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))
const tool = (name) => path.join(root, "node_modules", ".bin", name)

// The slow ones first, so that the others fill the gaps.
const steps = [
  ["unit tests", tool("vitest"), "run", "--project", "unit"],
  ["types", tool("tsc"), "-p", "tsconfig.json", "--noEmit"],
  ["lint", tool("oxlint"), "--type-aware", "--deny-warnings"],
  ["knip", tool("knip")],
  ["format", tool("prettier"), "--check", "--log-level", "warn", "."],
  ["floors", tool("depcruise"), "--config", ".dependency-cruiser.cjs", "src"],
  ["types of the sandbox", tool("tsc"), "-p", "tsconfig.sandbox.json"],
  ["cited paths", process.execPath, "scripts/check-architecture-paths.mjs"],
]

const began = Date.now()
const waiting = [...steps]
const failed = []
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work))
for (const { name, output } of failed) console.log(`\n--- ${name}\n${output.trimEnd()}`)
const verdict = failed.length === 0 ? "every gate holds" : `${failed.length} of ${steps.length} gates failed`
console.log(`\n${verdict} (${seconds(began)})`)
process.exitCode = failed.length === 0 ? 0 : 1

async function work() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const [name, command, ...args] = step
    const start = Date.now()
    const { code, output } = await run(command, args)
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${name.padEnd(21)} ${seconds(start)}`)
    if (code !== 0) failed.push({ name, output })
  }
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    child.stdout.on("data", (chunk) => (output += chunk))
    child.stderr.on("data", (chunk) => (output += chunk))
    child.on("error", (error) => resolve({ code: 1, output: `${output}\n${error.message}` }))
    child.on("close", (code) => resolve({ code, output }))
  })
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
