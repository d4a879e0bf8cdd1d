import { describe, expect, test } from "vitest"
import { type Graph, readGraph } from "./graph.ts"
import { findNearest } from "../contract/nearest.ts"
import type { Problem } from "./problem.ts"

function read(tasks: Record<string, string[] | undefined>): { graph: Graph; problems: Problem[] } {
  const problems: Problem[] = []
  const nodes = Object.entries(tasks).map(([id, dependsOn], position) => ({
    pointer: `/tasks/${position}`,
    id,
    dependsOn,
  }))
  return { graph: readGraph(nodes, (problem) => problems.push(problem), findNearest), problems }
}

describe("readGraph()", () => {
  test("resolves dependencies without repeats, also on later tasks", () => {
    const { graph, problems } = read({ a: ["c", "b", "c"], b: [], c: [] })
    expect(graph.deps).toEqual([[2, 1], [], []])
    expect(problems).toEqual([])
  })

  test("knows ancestors at any distance", () => {
    const { graph } = read({ a: [], b: ["a"], c: ["b"], d: [] })
    expect(graph.isAncestor(0, 2)).toBe(true)
    expect(graph.isAncestor(1, 2)).toBe(true)
    expect(graph.isAncestor(2, 0)).toBe(false)
    expect(graph.isAncestor(2, 2)).toBe(false)
    expect(graph.isAncestor(3, 2)).toBe(false)
  })

  test("45: names the task that was probably meant", () => {
    const { graph, problems } = read({ pay: [], ship: ["pay", "pya"] })
    expect(problems).toEqual([
      {
        pointer: "/tasks/1/depends_on/1",
        code: "unknown_task",
        message: 'there is no task "pya"',
        fix: "did you mean pay?",
      },
    ])
    expect([...graph.incomplete]).toEqual([1])
  })

  test("45: reports a cycle with its path", () => {
    const { problems } = read({ a: ["b"], b: ["c"], c: ["a"], d: ["a"] })
    expect(problems).toEqual([
      {
        pointer: "/tasks/2/depends_on/0",
        code: "cycle",
        message: "these tasks wait for each other: a -> b -> c -> a (each depends on the next)",
        fix: "remove one of these dependencies",
      },
    ])
  })

  test("reports a task that waits for itself, and every cycle", () => {
    const { problems } = read({ a: ["a"], b: ["c"], c: ["b"] })
    expect(problems.map(({ message }) => /: (.*) \(/.exec(message)?.[1])).toEqual(["a -> a", "b -> c -> b"])
  })

  test("finds no cycle in a diamond", () => {
    expect(read({ a: [], b: ["a"], c: ["a"], d: ["b", "c"] }).problems).toEqual([])
  })

  test("walks a chain of any length without recursion", () => {
    const size = 20_000
    const chain = Object.fromEntries(
      Array.from({ length: size }, (_, at) => [`t${at}`, at === 0 ? [] : [`t${at - 1}`]]),
    )
    const { graph } = read(Object.fromEntries(Object.entries(chain).toReversed()))
    expect(graph.isAncestor(size - 1, 0)).toBe(true)
  })

  test("refuses a repeated id and more than 10,000 dependencies", () => {
    const problems: Problem[] = []
    const report = (problem: Problem) => problems.push(problem)
    const node = { pointer: "/tasks/1", id: "a", dependsOn: [] }
    readGraph([{ ...node, pointer: "/tasks/0" }, node], report, findNearest)
    const many = (count: number) => [
      { pointer: "/tasks/0", id: "b", dependsOn: Array<string>(count).fill("c") },
      { ...node, id: "c" },
    ]
    readGraph(many(10_000), report, findNearest)
    readGraph(many(10_001), report, findNearest)
    expect(problems.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      "duplicate_id /tasks/1/id",
      "too_many_edges /tasks",
    ])
  })

  test("marks a task whose dependencies could not be read", () => {
    expect([...read({ a: undefined }).graph.incomplete]).toEqual([0])
  })
})
