/** What a decision led to, as a person reads it. */
import type { Decided } from "../sdk/shapes.ts"
import { formatTable } from "./table.ts"

export function showDecided({ instance_id, status, tasks }: Decided): string {
  const rows = tasks.map(({ path, status: now }) => [path, now])
  return [
    `${instance_id}  ${status}`,
    ...(rows.length === 0 ? [] : [formatTable(["TASK", "STATUS"], rows)]),
  ].join("\n")
}
