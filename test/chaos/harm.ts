/** What is done to the targets' connections, and to ourselves, while transactions run. Counts what it did. */
import { setTimeout as sleep } from "node:timers/promises"
import type { TcpGate } from "../helpers/tcp-gate.ts"
import type { Cluster } from "./cluster.ts"

export interface Injected {
  shut: number
  frozen: number
  kills: number
  outages: number
}

export const nothingInjected = (): Injected => ({ shut: 0, frozen: 0, kills: 0, outages: 0 })

/** Until it is quiet. */
export async function disturbGates(
  gates: readonly TcpGate[],
  { quiet, injected }: { quiet: AbortSignal; injected: Injected },
): Promise<void> {
  while (!quiet.aborted) {
    const gate = gates[Math.floor(Math.random() * gates.length)]
    if (!gate) throw new Error("the world has gates")
    if (Math.random() < 0.5) {
      injected.shut++
      gate.shut()
      await sleep(100 + Math.random() * 400)
      gate.open()
    } else {
      injected.frozen++
      gate.freeze()
      await sleep(200 + Math.random() * 1_500)
      gate.thaw()
    }
    await sleep(200 + Math.random() * 400)
  }
}

export interface HarmOptions {
  kills: number
  injected: Injected
  /** Our own Postgres goes away, and comes back. */
  outage: () => Promise<void>
}

/** Kills one process after the other, with an outage in the middle. */
export async function harmOurselves(
  cluster: Cluster,
  { kills, injected, outage }: HarmOptions,
): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    await sleep(1_000 + Math.random() * 3_000)
    await cluster.killNext()
    injected.kills++
    if (kill !== Math.floor(kills / 2)) continue
    // A process that is killed now could not start again: kills go on when Postgres is back.
    await outage()
    injected.outages++
  }
}

export function countFaults(faults: readonly (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const fault of faults) if (fault !== null) counts[fault] = (counts[fault] ?? 0) + 1
  return counts
}
