/**
 * The guard where it can fail: in a network namespace without a way out, whose own loopback device holds the
 * forbidden addresses and a listener that records every connection. This makes the namespace and runs
 * `guard-namespace.testsuite.ts` in it.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { FORBIDDEN_4, FORBIDDEN_6, PUBLIC, PUBLIC_6 } from "./namespace-addresses.testsuite.ts"

describe("the guard in a namespace of its own", () => {
  const addresses = [PUBLIC, ...FORBIDDEN_4].map((address) => `${address}/32`)
  const addresses6 = [PUBLIC_6, ...FORBIDDEN_6.filter((address) => address !== "::1")].map(
    (address) => `${address}/128`,
  )
  const setUp = [
    "ip link set lo up",
    ...[...addresses, ...addresses6].map((address) => `ip addr add ${address} dev lo`),
  ]
  const flags = ["-n", "-rn"].find(
    (flag) => spawnSync("unshare", [flag, "sh", "-c", setUp.join(" && ")]).status === 0,
  )
  if (flags === undefined) {
    const missing = "no network namespace can be made here (unshare and ip are needed)"
    if (process.env["HOLDFAST_REQUIRE_SERVERS"] === "1") throw new Error(missing)
    process.stderr.write(`  ${missing}: the outbound guard's tests in it are skipped\n`)
  }

  test.skipIf(flags === undefined)(
    "lets nothing through",
    () => {
      const vitest = fileURLToPath(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url))
      const run = [process.execPath, vitest, "run", "--project", "namespace"]
      const script = [...setUp, `exec ${run.map((part) => `'${part}'`).join(" ")}`].join(" && ")
      const { status, stdout, stderr } = spawnSync("unshare", [flags ?? "", "sh", "-c", script], {
        cwd: fileURLToPath(new URL("../../..", import.meta.url)),
        env: { ...process.env, HOLDFAST_TEST_NAMESPACE: "1" },
        encoding: "utf8",
      })
      expect(`${stdout}${stderr}`).toMatch(/Tests.*[1-9]\d* passed/)
      expect(status, `${stdout}${stderr}`).toBe(0)
    },
    60_000,
  )
})
