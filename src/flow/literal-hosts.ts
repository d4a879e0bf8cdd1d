/** The hosts that a flow names itself, so that a guarded address can be refused at publish. */
import type { Plan, PlanTask } from "../contract/plan.ts"
import type { Template } from "../contract/tree.ts"
import { literalHead, parseAddress, parseServiceHost } from "./url-head.ts"

export interface LiteralHost {
  /** Into the definition. */
  pointer: string
  /** A name, an IPv4 address or an IPv6 address without brackets, as WHATWG normalises it. */
  host: string
}

/** Hosts of urls without a connection, and of services that name none. Those of connections are not the flow's. */
export function literalHostsOf(plan: Plan): LiteralHost[] {
  return plan.tasks.flatMap((task, position) => {
    if (fieldOf(task, "connection") !== undefined) return []
    const url = fieldOf(task, "url")
    if (task.kind === "http" && url !== undefined) {
      const address = parseAddress(literalHead(url))
      return address.ok ? [{ pointer: `/tasks/${position}/config/url`, host: address.host }] : []
    }
    const service = fieldOf(task, "service")
    if (task.kind !== "rpc" || typeof service !== "string") return []
    const host = parseServiceHost(service)
    return host === undefined ? [] : [{ pointer: `/tasks/${position}/config/service`, host }]
  })
}

function fieldOf({ config }: PlanTask, name: string): Template | undefined {
  const fields = Array.isArray(config) && config[0] === "'" ? config[1] : config
  if (typeof fields !== "object" || fields === null || !Object.hasOwn(fields, name)) return undefined
  // A template's object holds templates; a constant's members stand for themselves, but for lists, which no caller asks for.
  return (fields as Record<string, Template>)[name]
}
