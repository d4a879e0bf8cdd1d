/** The names a flow and its tasks may have. */

/** Also the pattern of a `task_name`. */
export const FLOW_NAME_PATTERN = /^[\p{L}_][\p{L}\p{N}_.-]{0,127}$/u
const TASK_ID_PATTERN = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/

/**
 * Why a name cannot be a flow's, or undefined. A flow's name is the Temporal workflow type: the SDK looks it up
 * on the bundle's module object, where `constructor` or `toString` would find `Object.prototype`.
 */
export function refuseFlowName(name: string): string | undefined {
  if (!FLOW_NAME_PATTERN.test(name)) {
    return "a flow's name starts with a letter or _, then letters, digits, _ . - up to 128 characters"
  }
  if (isPrototypeKey(name)) return `${name} is a name that every JavaScript object has`
  if (name.startsWith("__temporal_")) return "names that start with __temporal_ belong to Temporal"
  return undefined
}

/** Why a name cannot be a task's id, or undefined. Ids are keys of `tasks` and of `params`. */
export function refuseTaskId(id: string): string | undefined {
  if (!TASK_ID_PATTERN.test(id))
    return "an id starts with a letter or _, then letters, digits, _ - up to 64 characters"
  if (isPrototypeKey(id)) return `${id} is a name that every JavaScript object has`
  return undefined
}

function isPrototypeKey(name: string): boolean {
  return name in Object.prototype
}
