/** What a developer would write without Holdfast: each task starts when its own dependencies are done. */
import { proxyActivities } from "@temporalio/workflow"

interface Activities {
  http(call: { url: string; body: unknown }): Promise<unknown>
}

const { http } = proxyActivities<Activities>({ startToCloseTimeout: "30s" })

export async function layers(input: {
  url: string
  tasks: { id: string; depends_on: string[] }[]
}): Promise<string> {
  const ends = new Map<string, Promise<unknown>>()
  for (const { id, depends_on } of input.tasks) {
    const run = async () => {
      await Promise.all(depends_on.flatMap((dep) => ends.get(dep) ?? []))
      return http({ url: `${input.url}/do/${id}`, body: { task: id } })
    }
    ends.set(id, run())
  }
  await Promise.all(ends.values())
  return "done"
}
