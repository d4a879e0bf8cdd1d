/** What a task's input is made from. */
import { pointerTo, quote } from "./problem.ts"
import type { Fields, Place } from "./read-object.ts"
import type { TaskSchema } from "./schema/task.ts"

export interface InputSource {
  value: unknown
  /** From a pointer inside the value to the document's. */
  pointerOf: (inside: string) => string
}

interface TaskPlace extends Place {
  /** Its definition declares input fields: then params that are not for the task are not its input. */
  declares: boolean
}

/** Reports a field that both `input` and `input_from` give. `place` is the task's. */
export function toInputSource(fields: Fields<typeof TaskSchema>, place: TaskPlace): InputSource {
  const { input, input_from: paths } = fields
  const plain = { pointerOf: (inside: string) => pointerTo(place.pointer, "input") + inside }
  if (paths === undefined) {
    if (input !== undefined) return { value: input, ...plain }
    return { value: defaultInput(fields, place.declares ? "{}" : "params"), pointerOf: () => place.pointer }
  }
  if (typeof input === "string") {
    place.report({
      pointer: pointerTo(place.pointer, "input_from"),
      code: "not_together",
      message: "input_from adds fields to a mapping, and input is one expression",
      fix: "write input as a mapping",
    })
    return { value: input, ...plain }
  }
  for (const name of Object.keys(paths)) {
    if (input === undefined || !Object.hasOwn(input, name)) continue
    const message = `input has a field ${quote(name)} too`
    place.report({ pointer: pointerTo(place.pointer, "input_from", name), code: "not_together", message })
  }
  const added = Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, `\${ ${toExpression(path)} }`]),
  )
  const pointers = new Set(Object.keys(added).map((name) => pointerTo("", name)))
  return {
    value: { ...input, ...added },
    pointerOf: (inside) => pointerTo(place.pointer, pointers.has(inside) ? "input_from" : "input") + inside,
  }
}

/** `params[id]`, else `params[task_name]`, else `rest`. Both names are checked: no quote is in them. */
function defaultInput({ id, task_name: name }: Fields<typeof TaskSchema>, rest: "params" | "{}"): unknown {
  if (id === undefined || name === undefined) return {}
  const keys = id === name ? [id] : [id, name]
  const choices = keys.map((key) => `'${key}' in params ? params['${key}'] : `)
  return `\${ ${choices.join("")}${rest} }`
}

/** `$.pay.result.items[0].id` to `tasks['pay'].output['items'][0]['id']`. The schema has checked its form. */
function toExpression(path: string): string {
  const [task = "", ...rest] = path.slice("$.".length).split(".result")
  const steps = rest.join(".result").replaceAll(/\.([A-Za-z0-9_-]+)/g, "['$1']")
  return `tasks['${task}'].output${steps}`
}
