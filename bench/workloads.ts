/** What is run: each workload as a flow, and as the input of the workflow that does the same by hand. */
import type { Connection } from "../src/contract/connections.ts"

export const WORKLOAD_NAMES = ["W0", "W1", "W2", "W3", "W5"] as const
export type WorkloadName = (typeof WORKLOAD_NAMES)[number]

export interface TaskSketch {
  id: string
  depends_on: string[]
}

export interface Workload {
  name: WorkloadName
  title: string
  tasks: TaskSketch[]
  /** Door of the target that the tasks knock at. */
  door: "do" | "repaired"
  /** Somebody has to say `retry` before it goes on. */
  needsPerson: boolean
}

/** Of the connection under which Holdfast knows the target. */
export const CONNECTION = "target"

const inARow = (length: number): TaskSketch[] =>
  Array.from({ length }, (_, at) => ({ id: `t${at}`, depends_on: at === 0 ? [] : [`t${at - 1}`] }))

const inParallel = (width: number): TaskSketch[] =>
  Array.from({ length: width }, (_, at) => ({ id: `t${at}`, depends_on: [] }))

/** Each task needs two of the layer before it. */
const inLayers = (layers: number, width: number): TaskSketch[] =>
  Array.from({ length: layers * width }, (_, at) => {
    const [layer, column] = [Math.floor(at / width), at % width]
    const above = (shift: number) => `t${(layer - 1) * width + ((column + shift) % width)}`
    return { id: `t${at}`, depends_on: layer === 0 ? [] : [above(0), above(1)] }
  })

const plain = { door: "do", needsPerson: false } as const

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  W0: { name: "W0", title: "no task", tasks: [], ...plain },
  W1: { name: "W1", title: "3 tasks in a row", tasks: inARow(3), ...plain },
  W2: { name: "W2", title: "10 in parallel", tasks: inParallel(10), ...plain },
  W3: { name: "W3", title: "100 in 10 layers", tasks: inLayers(10, 10), ...plain },
  W5: {
    name: "W5",
    title: "refused, waits for a signal, then done",
    tasks: inParallel(1),
    door: "repaired",
    needsPerson: true,
  },
}

export function toFlow({ name, tasks, door }: Workload): { name: string; tasks: object[] } {
  return {
    name: name.toLowerCase(),
    tasks: tasks.map(({ id, depends_on }) => ({
      id,
      task_name: "http",
      depends_on,
      effect: "keyed",
      config: { connection: CONNECTION, url: `/${door}/${id}`, body: { task: id } },
    })),
  }
}

export function toConnections(targetUrl: string): Connection[] {
  return [{ name: CONNECTION, kind: "http", base_url: targetUrl, profile: "plain" }]
}
