/** What a developer would write without Holdfast: each task starts when its own dependencies are done. */
import { condition, defineQuery, defineSignal, proxyActivities, setHandler } from "@temporalio/workflow"
import type { TaskSketch, Workload } from "../workloads.ts"

interface Activities {
  http(call: { url: string; body: unknown }): Promise<unknown>
}

const { http } = proxyActivities<Activities>({ startToCloseTimeout: "30s" })

const call = ({ id }: TaskSketch, door: Workload["door"]) =>
  http({ url: `/${door}/${id}`, body: { task: id } })

export async function layers(tasks: TaskSketch[]): Promise<string> {
  const ends = new Map<string, Promise<unknown>>()
  for (const task of tasks) {
    const run = async () => {
      await Promise.all(task.depends_on.flatMap((dependency) => ends.get(dependency) ?? []))
      return call(task, "do")
    }
    ends.set(task.id, run())
  }
  await Promise.all(ends.values())
  return "success"
}

/** A call that is refused waits for somebody to say `retry`. */
export async function repaired(tasks: TaskSketch[]): Promise<string> {
  let isBlocked = false
  let isRetried = false
  setHandler(defineSignal("retry"), () => {
    isRetried = true
  })
  setHandler(defineQuery("state"), () => ({ transaction: { status: isBlocked ? "blocked" : "running" } }))
  for (const task of tasks) {
    try {
      await call(task, "repaired")
    } catch {
      isBlocked = true
      await condition(() => isRetried)
      isBlocked = false
      await call(task, "repaired")
    }
  }
  return "success"
}
