/** `npm run bench`: prints tables to stdout and what it is doing to stderr. */
import { writeFile } from "node:fs/promises"
import { cpus, release } from "node:os"
import { compare } from "../compare.ts"
import { parseOptions, USAGE } from "../options.ts"
import { readLoad } from "../processes.ts"
import { reportComparison, reportScenario } from "../report.ts"
import { runScenario } from "../scenarios/run-scenario.ts"

const options = parseOptions(process.argv.slice(2))
if (options === "help") {
  console.log(USAGE)
  process.exit()
}
const machine = {
  date: new Date().toISOString().slice(0, 10),
  cpus: cpus().length,
  model: cpus()[0]?.model ?? "unknown",
  kernel: release(),
  node: process.version,
  load_before: readLoad(),
}
console.log(
  `${machine.date}, ${machine.cpus} × ${machine.model}, Linux ${machine.kernel}, Node ${machine.node}; load before the first round: ${machine.load_before}\n`,
)
const comparison = options.workloads.length > 0 ? await compare(options) : undefined
if (comparison !== undefined) console.log(reportComparison(comparison))
const scenarios = []
for (const name of options.scenarios) {
  const scenario = await runScenario(name, options)
  console.log(`\n${reportScenario(scenario)}`)
  scenarios.push({ name, ...scenario })
}
if (options.jsonFile !== undefined)
  await writeFile(options.jsonFile, JSON.stringify({ machine, options, comparison, scenarios }, null, 2))
