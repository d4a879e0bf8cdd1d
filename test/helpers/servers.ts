import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { inject } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    serversFile: string
  }
}

export type Servers =
  | { status: "up"; databaseUrl: string; templateDatabase: string; temporalAddress: string }
  | { status: "failed"; reason: string }

/** Building Temporal's server takes about four minutes on two idle cores. */
const PATIENCE_MS = 25 * 60_000

/** The servers that `global-setup.ts` starts; waits until they are up. */
export async function getServers(): Promise<Extract<Servers, { status: "up" }>> {
  const file = inject("serversFile")
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const text = await readFile(file, "utf8").catch(() => undefined)
    if (text !== undefined) {
      // Written by `global-setup.ts` alone, and in one step.
      const servers = JSON.parse(text) as Servers
      if (servers.status === "failed") throw new Error(`the test servers did not start: ${servers.reason}`)
      return servers
    }
    if (Date.now() > deadline)
      throw new Error(`the test servers are not up after ${PATIENCE_MS / 60_000} minutes`)
    await sleep(100)
  }
}
