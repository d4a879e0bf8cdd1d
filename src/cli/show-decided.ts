/** What a decision led to, as a person reads it. */
import type { Decided } from "../sdk/shapes.ts"
import { formatTable } from "./table.ts"

export function showDecided({ instance_id, status, tasks, request }: Decided): string {
  if (request !== undefined)
    return [
      `${instance_id}  ${status}  ${request.action} waits for a second person until ${request.expires_at}`,
      `holdfast approve ${instance_id} ${request.id} --reason ...`,
    ].join("\n")
  const rows = tasks.map(({ path, status: now }) => [path, now])
  return [
    `${instance_id}  ${status}`,
    ...(rows.length === 0 ? [] : [formatTable(["TASK", "STATUS"], rows)]),
  ].join("\n")
}
