/** Some `holdfast start` processes on one database and one Temporal: any of them answers, each can be killed. */
import { setTimeout as sleep } from "node:timers/promises"
import { createNode, type HoldfastNode, type NodeTargets } from "../helpers/holdfast-node.ts"

export interface Answer {
  status: number
  data: unknown
}

export interface Cluster {
  /** Any process that answers will do; a start or a decision that is asked again is the same one. */
  call(method: string, route: string, body?: unknown): Promise<Answer>
  /** SIGKILL of the next one in turn, and a new start of it. */
  killNext(): Promise<void>
  stop(): Promise<void>
}

const PATIENCE_MS = 60_000

export async function startCluster(size: number, targets: NodeTargets): Promise<Cluster> {
  const nodes = await Promise.all(Array.from({ length: size }, () => createNode(targets)))
  await Promise.all(nodes.map((node) => node.start()))
  let kills = 0
  return {
    async call(method, route, body) {
      const deadline = Date.now() + PATIENCE_MS
      for (let attempt = 0; ; attempt++) {
        const answer = await ask(nodes[attempt % size], method, route, body)
        if (answer !== undefined && answer.status < 500) return answer
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
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
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
    const { data } = (await response.json()) as { data: unknown }
    return { status: response.status, data }
  } catch {
    return undefined
  }
}
