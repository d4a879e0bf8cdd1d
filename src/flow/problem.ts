/** What is wrong with a definition, or worth a warning: where, a stable code, a sentence, and the next step. */
import { toPointer } from "./parse-template.ts"

export interface Problem {
  /** JSON Pointer (RFC 6901) into the definition. The last member may be missing there: then it is what should be. */
  pointer: string
  /** Stable word. */
  code: string
  message: string
  fix?: string
}

/** Takes problems as they are found. */
export type Report = (problem: Problem) => void

/** The pointer to a member: `pointerTo("/tasks", 2, "config")`. */
export function pointerTo(pointer: string, ...names: readonly (string | number)[]): string {
  return pointer + names.map(toPointer).join("")
}

/** How a value is quoted in a message: short, and never a whole document. */
export function quote(value: unknown): string {
  if (value === undefined) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "string") return JSON.stringify(excerpt(value))
  if (typeof value === "number") return `the number ${value}`
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value)
}

function excerpt(text: string): string {
  // Cut between code points: half a surrogate pair would be shown as an escape.
  return text.length <= 60 ? text : `${text.slice(0, 60).replace(/[\uD800-\uDBFF]$/, "")}…`
}

/**
 * The pointer as far as the document goes, with one missing member at most: what is wrong can stand in a task
 * definition, and is told at the task that uses it.
 */
export function toPlaceIn(document: unknown, pointer: string): string {
  let here = document
  let place = ""
  for (const segment of pointer.split("/").slice(1)) {
    if (typeof here !== "object" || here === null) return place
    place += `/${segment}`
    const name = segment.replaceAll("~1", "/").replaceAll("~0", "~")
    if (!Object.hasOwn(here, name)) return place
    here = Reflect.get(here, name)
  }
  return place
}

/** The same problems in the order of the document, without repeats; those of one place keep their order. */
export function inDocumentOrder(problems: readonly Problem[], document: unknown): Problem[] {
  const seen = new Set<string>()
  const placed: { problem: Problem; place: number[] }[] = []
  const placeOf = createPlacer(document)
  for (const problem of problems) {
    const identity = JSON.stringify([problem.pointer, problem.code, problem.message])
    if (seen.has(identity)) continue
    seen.add(identity)
    placed.push({ problem, place: placeOf(problem.pointer) })
  }
  return placed.toSorted((a, b) => comparePlaces(a.place, b.place)).map(({ problem }) => problem)
}

/** Positions on the way down to a pointer; a member that is not there comes after all that are. */
function createPlacer(document: unknown): (pointer: string) => number[] {
  const positions = new Map<object, Map<string, number>>()
  const positionOf = (value: object, name: string): number => {
    let known = positions.get(value)
    if (known === undefined) {
      known = new Map(Object.keys(value).map((key, position) => [key, position]))
      positions.set(value, known)
    }
    return known.get(name) ?? Number.MAX_SAFE_INTEGER
  }
  return (pointer) => {
    let here = document
    return pointer
      .split("/")
      .slice(1)
      .map((segment) => {
        if (typeof here !== "object" || here === null) return Number.MAX_SAFE_INTEGER
        const name = segment.replaceAll("~1", "/").replaceAll("~0", "~")
        const position = positionOf(here, name)
        here = Object.hasOwn(here, name) ? Reflect.get(here, name) : undefined
        return position
      })
  }
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
