/** What processes used, from Linux's /proc. */
import { readdirSync, readFileSync } from "node:fs"

/** Ticks of /proc a second: `USER_HZ`, which Linux fixes at 100. */
const TICKS = 100

/** CPU seconds of a process, its threads, its children and what those had used that ended. */
export function cpuSeconds(pid: number): number {
  return listTree(pid).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS
}

/** Resident memory of a process and its children, in MiB. What processes share is counted once for each. */
export function residentMiB(pid: number): number {
  return listTree(pid).reduce((sum, one) => sum + readResident(one.pid), 0)
}

/** Load of the last minute, of the whole machine. */
export function readLoad(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0])
}

interface Usage {
  pid: number
  parent: number
  /** Of itself, and of children that ended and were waited for. */
  ticks: number
}

function listTree(root: number): Usage[] {
  const all = readdirSync("/proc").flatMap((name) =>
    /^\d+$/.test(name) ? (readUsage(Number(name)) ?? []) : [],
  )
  const tree = all.filter(({ pid }) => pid === root)
  // Grows while it is walked: children of children come after their parents.
  for (const one of tree) tree.push(...all.filter(({ parent }) => parent === one.pid))
  return tree
}

/** `undefined` when the process has ended since it was listed. */
function readUsage(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // Fields count from after the name, which may hold spaces and brackets: state is the first.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
    return { pid, parent: Number(fields[1]), ticks }
  } catch {
    return undefined
  }
}

function readResident(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
    return Number(kib ?? 0) / 1024
  } catch {
    return 0
  }
}
