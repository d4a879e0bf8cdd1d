import { readFile } from "node:fs/promises"

/** Of `/proc/net/tcp`: the timer runs for a probe of a silent connection. */
const KEEP_ALIVE = "02"

/**
 * Milliseconds until this machine probes the connection from `from` to `to`, two of its own ports, with nothing under
 * way on it; undefined when it does not probe, or there is none. Linux alone tells.
 */
export async function msUntilKeepAlive({
  from,
  to,
}: {
  from: number
  to: number
}): Promise<number | undefined> {
  const table = await readFile("/proc/net/tcp", "utf8")
  for (const line of table.split("\n")) {
    const [, local = "", remote = "", , , timer = ""] = line.trim().split(/\s+/)
    if (portOf(local) !== from || portOf(remote) !== to) continue
    const [kind, left = ""] = timer.split(":")
    // In hundredths of a second.
    if (kind === KEEP_ALIVE) return Number.parseInt(left, 16) * 10
  }
  return undefined
}

function portOf(address: string): number {
  return Number.parseInt(address.split(":")[1] ?? "", 16)
}
