import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

/** A process id together with when it began: ids are used again, the pair is not. */
export interface ProcessIdentity {
  pid: number
  began: string
}

/** `undefined` when no such process lives (one that has ended but was not collected yet does not). */
export function findProcess(pid: number): ProcessIdentity | undefined {
  const began = process.platform === "linux" ? beganOnLinux(pid) : beganByPs(pid)
  return began === undefined ? undefined : { pid, began }
}

export function getOwnProcess(): ProcessIdentity {
  const own = findProcess(process.pid)
  if (own === undefined) throw new Error(`the process table does not show this process (pid ${process.pid})`)
  return own
}

export function isAlive(identity: ProcessIdentity): boolean {
  return findProcess(identity.pid)?.began === identity.began
}

function beganOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name in parentheses may hold anything; the state is field 3, the start in clock ticks field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (fields[0] === "Z" || fields[0] === "X") return undefined
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    return `${boot}/${fields[19]}`
  } catch {
    return undefined
  }
}

function beganByPs(pid: number): string | undefined {
  try {
    const [state, ...began] = execFileSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { PATH: "/bin:/usr/bin", LC_ALL: "C" },
    })
      .trim()
      .split(/\s+/)
    return state === undefined || state.startsWith("Z") ? undefined : began.join(" ")
  } catch {
    return undefined
  }
}
