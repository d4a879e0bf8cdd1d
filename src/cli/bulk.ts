/** One decision for many transactions. */
import { type Command, Option } from "commander"
import { BULK_ACTIONS, BULK_ITEM_STATES, type BulkAction, type BulkItemState } from "../contract/bulk.ts"
import { EXCEPTION_KINDS, TRANSACTION_STATUSES } from "../contract/statuses.ts"
import type { BulkItem, BulkJob, BulkJobSummary } from "../sdk/shapes.ts"
import { decideOnce, decisionIdOption, type OnceFlags } from "./decide-once.ts"
import { UsageError } from "./exit-codes.ts"
import { type OutputFormat, outputOption, printResult } from "./output-option.ts"
import { formatTable } from "./table.ts"
import type { Terminal } from "./terminal.ts"

interface RunFlags extends OnceFlags {
  reason: string
  flow?: string
  group?: string
  kind?: string
  owner?: string
  team?: string
  status?: string
  businessKey?: string
  transactions?: string[]
  dryRun?: true
  velocity?: number
  canary?: number
  stopAbove?: number
  settleWithin?: string
  output: OutputFormat
}

export function addBulkCommands(program: Command, terminal: Terminal): void {
  const bulk = program.command("bulk").description("one decision for many transactions, at a pace")
  addRun(bulk, terminal)
  addCommands(bulk, terminal)
  bulk
    .command("list")
    .description("bulk jobs, newest first, at most 200")
    .addOption(outputOption())
    .action(async (flags: { output: OutputFormat }) => {
      const value = await (await terminal.client()).listBulkJobs()
      printResult(terminal, flags, { value, show: showJobs })
    })
  bulk
    .command("get")
    .description("what a job has come to")
    .argument("<job-id>", "the job's id")
    .addOption(outputOption())
    .action(async (id: string, flags: { output: OutputFormat }) => {
      const value = await (await terminal.client()).getBulkJob(id)
      printResult(terminal, flags, { value, show: showJob })
    })
  bulk
    .command("items")
    .description("what a job does to each transaction, in its order")
    .argument("<job-id>", "the job's id")
    .addOption(new Option("--state <state>", "only in this state").choices(BULK_ITEM_STATES))
    .addOption(outputOption())
    .action(async (id: string, flags: { state?: BulkItemState; output: OutputFormat }) => {
      const value = await (await terminal.client()).listBulkItems(id, { state: flags.state })
      printResult(terminal, flags, { value, show: showItems })
    })
}

function addRun(bulk: Command, terminal: Terminal): void {
  bulk
    .command("run")
    .description("decide about all that fits; retry and probe answer open exceptions")
    .argument("<action>", BULK_ACTIONS.join(", "))
    .requiredOption("--reason <text>", "recorded with each decision, with your key's name")
    .option("--flow <flow>", "only of this flow, by name or id")
    .option("--group <group>", "only exceptions of this group")
    .addOption(new Option("--kind <kind>", "only exceptions of this kind").choices(EXCEPTION_KINDS))
    .option("--owner <name>", "only exceptions that this person has")
    .option("--team <name>", "only exceptions that this team has")
    .addOption(
      new Option("--status <status>", "only transactions of this status").choices(TRANSACTION_STATUSES),
    )
    .option("--business-key <key>", "only transactions with this business key")
    .option("--transactions <id...>", "only these")
    .option("--dry-run", "count, and start nothing yet: bulk start begins")
    .option("--velocity <number>", "decisions in a second; 10 unless said", readNumber("--velocity"))
    .option("--canary <number>", "results that are awaited first; 5 unless said", readNumber("--canary"))
    .option(
      "--stop-above <share>",
      "the share of failures, above which it stops; 0.2 unless said",
      readNumber("--stop-above"),
    )
    .option("--settle-within <duration>", "how long results are awaited; 10m unless said")
    .addOption(decisionIdOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      '\nExample:\n  holdfast bulk run retry --group 8c1f0e62d7a94b35 --velocity 20 --reason "the bank is back"\n',
    )
    .action(async (action: string, flags: RunFlags) => {
      const request = {
        action: readAction(action),
        filter: toFilter(flags),
        reason: flags.reason,
        dry_run: flags.dryRun,
        velocity: flags.velocity,
        canary: flags.canary,
        stop_above: flags.stopAbove,
        settle_within: flags.settleWithin,
      }
      const value = await decideOnce(terminal, flags, (client, once) => client.createBulkJob(request, once))
      printResult(terminal, flags, { value, show: showJob })
    })
}

const COMMANDS = [
  { name: "start", does: "begin with a job that was a dry run" },
  { name: "pause", does: "decide about nothing more until it is resumed" },
  { name: "resume", does: "go on with a job that is paused or stopped" },
  { name: "cancel", does: "end a job; what was decided goes on" },
] as const

function addCommands(bulk: Command, terminal: Terminal): void {
  for (const { name, does } of COMMANDS)
    bulk
      .command(name)
      .description(does)
      .argument("<job-id>", "the job's id")
      .addOption(outputOption())
      .action(async (id: string, flags: { output: OutputFormat }) => {
        const value = await (await terminal.client()).commandBulkJob(id, name)
        printResult(terminal, flags, { value, show: showJob })
      })
}

function toFilter(flags: RunFlags): Record<string, unknown> {
  const conditions = {
    flow_id: flags.flow,
    group: flags.group,
    kind: flags.kind,
    owner: flags.owner,
    team: flags.team,
    status: flags.status,
    business_key: flags.businessKey,
    instance_ids: flags.transactions,
  }
  const given = Object.entries(conditions).filter(([, value]) => value !== undefined)
  if (given.length === 0)
    throw new UsageError("say which ones: --group, --flow, --transactions or another condition")
  return Object.fromEntries(given)
}

function readAction(word: string): BulkAction {
  const action = BULK_ACTIONS.find((known) => known === word)
  if (action === undefined) throw new UsageError(`expected ${BULK_ACTIONS.join(", ")}, not "${word}"`)
  return action
}

function readNumber(option: string): (text: string) => number {
  return (text) => {
    const number = text.trim() === "" ? Number.NaN : Number(text)
    if (!Number.isFinite(number)) throw new UsageError(`${option} takes a number, not "${text}"`)
    return number
  }
}

const HEAD = ["JOB", "ACTION", "STATE", "TOTAL", "PENDING", "SENT", "SUCCEEDED", "FAILED", "REFUSED", "WHY"]

function toRow({ job_id, action, state, counts, state_reason }: BulkJobSummary): string[] {
  const { total, pending, sent, succeeded, failed, refused } = counts
  const numbers = [total, pending, sent, succeeded, failed, refused].map(String)
  return [job_id, action, state, ...numbers, state_reason ?? ""]
}

function showJobs(jobs: BulkJobSummary[]): string {
  return formatTable(HEAD, jobs.map(toRow))
}

function showJob(job: BulkJob): string {
  const effects = job.effects.map(({ effect, state, code, count }) => [
    String(count),
    state,
    effect ?? "",
    code ?? "",
  ])
  return `${showJobs([job])}\n\n${formatTable(["COUNT", "STATE", "EFFECT", "CODE"], effects)}`
}

function showItems(items: BulkItem[]): string {
  const rows = items.map((one) => [
    String(one.seq),
    one.instance_id,
    one.task ?? "",
    one.state,
    one.effect ?? "",
    one.code ?? "",
    one.detail ?? "",
  ])
  return formatTable(["SEQ", "TRANSACTION", "TASK", "STATE", "EFFECT", "CODE", "WHY"], rows)
}
