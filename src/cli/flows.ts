import type { Command } from "commander"
import { readFlowSource } from "./flow-source.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface Published {
  name: string
  plan_hash: string
  version?: number
  warnings?: { pointer: string; code: string; detail: string }[]
}

export function addFlowCommands(program: Command, terminal: Terminal): void {
  program
    .command("validate")
    .description("check flows without storing them; every problem at once, with its place")
    .argument("<file...>", "flows, JSON or YAML")
    .addOption(outputOption())
    .addHelpText("after", "\nExample:\n  holdfast validate examples/order.json\n")
    .action(async (files: string[], flags: { output: OutputFormat }) => {
      const sources = await Promise.all(files.map(readFlowSource))
      const client = await terminal.client()
      const value = await inTurn(sources, ({ json }) => client.validateFlow(json))
      printResult(terminal, flags, { value, show })
    })
  program
    .command("apply")
    .description("make flows what their files say: new ones, or the next version of what is there")
    .argument("<file...>", "flows, JSON or YAML")
    .addOption(outputOption())
    .option("--override <problem>", "tell irreversible_before_fallible as a warning; for administrators")
    .addHelpText("after", "\nExample:\n  holdfast apply flows/*.json\n")
    .action(async (files: string[], flags: { override?: string; output: OutputFormat }) => {
      const sources = await Promise.all(files.map(readFlowSource))
      const client = await terminal.client()
      const { override } = flags
      const value = await inTurn(sources, ({ name, json }) => client.applyFlow(name, json, { override }))
      printResult(terminal, flags, { value, show })
    })
}

/** What came before a failure is done, and stays: applying all of it again does no harm. */
async function inTurn<In, Out>(items: readonly In[], step: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = []
  for (const item of items) results.push(await step(item))
  return results
}

function show(flows: Published[]): string {
  const rows = flows.map(({ name, version, plan_hash, warnings = [] }) => [
    name,
    version === undefined ? "valid" : `v${version}`,
    plan_hash.slice(0, 12),
    String(warnings.length),
  ])
  const warnings = flows.flatMap(({ name, warnings = [] }) =>
    warnings.map(({ pointer, detail }) => `warning: ${name} ${pointer} ${detail}`),
  )
  return [formatTable(["FLOW", "VERSION", "PLAN", "WARNINGS"], rows), ...warnings].join("\n")
}
