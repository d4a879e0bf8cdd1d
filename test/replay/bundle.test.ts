/** The fence around the sandbox: what may be in the workflow bundle, and what it exports. */
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { builtWorkflowBundle } from "../../src/worker/bundle.ts"

const code = readFileSync(builtWorkflowBundle().codePath, "utf8")
const modules = [...new Set([...code.matchAll(/^\/\*\*\*\/ "([^"]+)"/gm)].map(([, path]) => path ?? ""))]
const packages = new Set(
  modules.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
)

test("the bundle holds the packages of the sandbox and no other", () => {
  expect([...packages].toSorted()).toEqual(
    [
      "@noble/hashes",
      "@temporalio/common",
      "@temporalio/workflow",
      "fflate",
      "ms",
      "nexus-rpc",
      "long",
    ].toSorted(),
  )
})

test("of our own floors, only those that may run in the sandbox are in it", () => {
  const floors = new Set(modules.flatMap((path) => /^\.\/dist\/([^/]+)\//.exec(path)?.[1] ?? []))
  expect([...floors].toSorted()).toEqual(["contract", "engine", "expression", "workflows"])
})
