/** Markdown for Temporal's UI: how the run stands, for a person who has nothing but that page. */
import type { TaskStatus } from "../contract/statuses.ts"
import { parkedUndos } from "./refuse.ts"
import { pendingApprovals } from "./requests.ts"
import { compensationOf, type MachineState, outcomeOf, planTask, statusOf } from "./state.ts"

const MAX_ROWS = 40
const FIRST: readonly TaskStatus[] = ["parked", "failed", "running", "cancelled"]

export function detailsOf(state: MachineState): string {
  const shown = tasksWorthShowing(state)
  const isBack = state.stop?.ending === "compensated"
  const rows = shown.map((task) => {
    const error = (isBack ? state.tasks.undo.error[task] : null) ?? state.tasks.error[task]
    const cells = [
      planTask(state, task).id,
      statusOf(state, task),
      outcomeOf(state, task),
      ...(isBack ? [compensationOf(state, task)] : []),
      error?.code ?? "",
      error?.message ?? "",
    ]
    return `| ${cells.map((text) => cell(text)).join(" | ")} |`
  })
  const rest = state.plan.tasks.length - shown.length
  return [
    `**${state.status}**: ${describeCounts(state)}`,
    "",
    isBack
      ? "| task | status | outcome | compensation | code | message |"
      : "| task | status | outcome | code | message |",
    isBack ? "|---|---|---|---|---|---|" : "|---|---|---|---|---|",
    ...rows,
    ...(rest > 0 ? ["", `and ${rest} more`] : []),
    ...pendingApprovals(state)
      .slice(0, MAX_ROWS)
      .flatMap(({ id, action, task, requester }) => [
        "",
        `Waits for a second person: ${action}${task === null ? "" : ` of ${cell(task)}`}, asked for by ${cell(requester)}; \`approve\` or \`reject\` with \`{"request": "${cell(id, 300)}", "reason": "…"}\`.`,
      ]),
    ...(state.lastIgnored === null
      ? []
      : ["", `The last message changed nothing: ${cell(state.lastIgnored, 300)}`]),
    ...(state.counts.parked > 0 || parkedUndos(state).length > 0
      ? [
          "",
          'Decide by signal or update `decide`, for example signal `retry` with `{"task": "…", "reason": "…"}`.',
        ]
      : []),
  ].join("\n")
}

function tasksWorthShowing(state: MachineState): number[] {
  const chosen: number[] = []
  const wanted = (status: TaskStatus) => FIRST.includes(status)
  for (const first of [true, false])
    for (let task = 0; task < state.plan.tasks.length && chosen.length < MAX_ROWS; task++)
      if (wanted(statusOf(state, task)) === first) chosen.push(task)
  return chosen
}

function describeCounts(state: MachineState): string {
  return Object.entries(state.counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${status}`)
    .join(", ")
}

function cell(text: string, length = 120): string {
  return text.slice(0, length).replaceAll("|", "\\|").replaceAll("\n", " ")
}
