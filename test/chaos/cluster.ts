/** Some `holdfast start` processes on one database and one Temporal: any of them answers, each can be killed. */
import { setTimeout as sleep } from "node:timers/promises"
import { withStopList } from "../../src/app/stop-list.ts"
import { createNode, type HoldfastNode, type NodeTargets } from "../helpers/holdfast-node.ts"

export interface Answer {
  status: number
  data: unknown
  /** All of it. */
  body: unknown
}

export interface Cluster {
  /**
   * Any process that answers will do; a start or a decision that is asked again is the same one.
   * @throws when one answers that it is broken, or none answers for a minute.
   */
  call(method: string, route: string, body?: unknown): Promise<Answer>
  /** SIGKILL of the next one in turn, and a new start of it. */
  killNext(): Promise<void>
  stop(): Promise<void>
  /** What its processes warned of. */
  said(): string[]
}

const PATIENCE_MS = 60_000

/** Killed, or without its Postgres or Temporal for now. */
const AWAY = [502, 503, 504]

export function startCluster(size: number, targets: NodeTargets): Promise<Cluster> {
  return withStopList(async (stops) => {
    const nodes = await Promise.all(Array.from({ length: size }, () => createNode(targets)))
    for (const [at, node] of nodes.entries()) stops.add(`process ${at + 1}`, () => node.stop())
    const starts = nodes.map((node) => node.start())
    await Promise.allSettled(starts)
    await Promise.all(starts)
    let kills = 0
    return {
      async call(method, route, body) {
        const deadline = Date.now() + PATIENCE_MS
        for (let attempt = 0; ; attempt++) {
          const answer = await ask(nodes[attempt % size], method, route, body)
          if (answer !== undefined && !AWAY.includes(answer.status)) {
            if (answer.status < 500) return answer
            throw new Error(`${method} ${route} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
          }
          if (Date.now() > deadline)
            throw new Error(`${method} ${route}: no process answered but with ${answer?.status}`)
          await sleep(100)
        }
      },
      async killNext() {
        const node = nodes[kills++ % size]
        if (!node) throw new Error("a cluster has processes")
        await node.kill()
        await node.start()
      },
      stop: stops.stop,
      said: () => nodes.map((node) => node.said()),
    }
  })
}

/** Undefined when the process is down, or was killed while it answered. */
async function ask(
  node: HoldfastNode | undefined,
  method: string,
  route: string,
  body: unknown,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${node?.url}${route}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    const answered = (await response.json()) as { data: unknown }
    return { status: response.status, data: answered.data, body: answered }
  } catch {
    return undefined
  }
}
