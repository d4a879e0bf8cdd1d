/** `npm run bench -- --help` */
import { parseArgs } from "node:util"
import { SUBJECT_KINDS, type SubjectKind } from "./subject.ts"
import { WORKLOAD_NAMES, type WorkloadName } from "./workloads.ts"

export const SCENARIO_NAMES = ["in-flight", "large-flow", "parked", "barrier", "barrier-flow"] as const
export type ScenarioName = (typeof SCENARIO_NAMES)[number]

export interface Options {
  workloads: WorkloadName[]
  scenarios: ScenarioName[]
  subjects: SubjectKind[]
  concurrencies: number[]
  rounds: number
  /** Of each subject in a round. */
  turns: number
  /** Of each subject's process; V8 has compiled what is hot, or most of it, by then. */
  warmUpMs: number
  windowMs: number
  parked: number
  jsonFile: string | undefined
  /** Where the subjects' CPU profiles go. */
  profileDir: string | undefined
}

export const USAGE = `npm run bench -- [options]

  --quick            one round of two short turns and small scenarios: for a first look, not for a result
  --only W1,parked   only these, of ${[...WORKLOAD_NAMES, ...SCENARIO_NAMES].join(", ")}
  --subjects by_hand,api   only these, of ${SUBJECT_KINDS.join(", ")}
  --concurrency 50,1   the first one warms the process up for the others
  --window 8         seconds that a cell is measured for, longer where less ends
  --turns 5          how often each subject has its turn in a round
  --rounds 2         how often all of it is done again with fresh processes and servers
  --parked 10000     transactions that wait for a person, in the scenario of that name
  --json FILE        everything measured, as JSON
  --profile DIR      a CPU profile of each subject's process
`

/** @throws Error that says which option is wrong. */
export function parseOptions(args: string[]): Options | "help" {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      subjects: { type: "string", default: SUBJECT_KINDS.join(",") },
      concurrency: { type: "string", default: "50,1" },
      rounds: { type: "string" },
      turns: { type: "string" },
      window: { type: "string" },
      parked: { type: "string" },
      json: { type: "string" },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) return "help"
  const all = [...WORKLOAD_NAMES, ...SCENARIO_NAMES]
  const chosen = readList("--only", values.only ?? all.join(","), all)
  const size = values.quick
    ? { rounds: "1", turns: "2", warmUpMs: 2_000, window: "3", parked: "500" }
    : { rounds: "2", turns: "5", warmUpMs: 60_000, window: "8", parked: "10000" }
  return {
    workloads: WORKLOAD_NAMES.filter((name) => chosen.includes(name)),
    scenarios: SCENARIO_NAMES.filter((name) => chosen.includes(name)),
    subjects: readList("--subjects", values.subjects, SUBJECT_KINDS),
    concurrencies: values.concurrency.split(",").map((text) => readCount("--concurrency", text)),
    rounds: readCount("--rounds", values.rounds ?? size.rounds),
    turns: readCount("--turns", values.turns ?? size.turns),
    warmUpMs: size.warmUpMs,
    windowMs: readCount("--window", values.window ?? size.window) * 1_000,
    parked: readCount("--parked", values.parked ?? size.parked),
    jsonFile: values.json,
    profileDir: values.profile,
  }
}

function readList<Word extends string>(option: string, text: string, words: readonly Word[]): Word[] {
  return text.split(",").map((given) => {
    const word = words.find((known) => known === given)
    if (word === undefined)
      throw new Error(`${option}: there is no "${given}"; there are ${words.join(", ")}`)
    return word
  })
}

function readCount(option: string, text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`${option}: expected a number from 1, got "${text}"`)
  return count
}
