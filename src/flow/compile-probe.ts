/** How a target is asked what became of a task's call (design 4.1). */
import type { PlanProbe } from "../contract/plan.ts"
import { readSql } from "../contract/sql.ts"
import { compileOwnCall, templatesOf } from "./compile-own-call.ts"
import type { FlowContext } from "./compile-task.ts"
import { pointerTo } from "./problem.ts"
import type { ProbeDraft, TaskDraft } from "./read-task.ts"
import type { Reference } from "./references.ts"

export interface CompiledProbe {
  plan: PlanProbe
  /** Of its input and config. */
  references: Reference[]
}

/** Reports every problem. Undefined where the task has no probe, or one that cannot be compiled. */
export function compileProbe(task: TaskDraft, context: FlowContext): CompiledProbe | undefined {
  const { probe: draft } = task
  if (draft === undefined) return undefined
  const own = { ...context, task }
  const compiled = compileOwnCall(draft, own, {
    where: "probe",
    retryDefaults: context.retryDefaults,
    effect: "read",
  })
  const compile = templatesOf(draft, own)
  const { executed_when: when, output, fences } = draft.fields
  const found = when === undefined ? undefined : compile(when, "executed_when", "executed_when")
  const result = output === undefined ? undefined : compile(output, "output", "output")
  refuseWrites(draft, context)
  if (compiled === undefined || found === undefined) return undefined

  const { plan, references } = compiled
  const inActivity = [...found.references, ...(result?.references ?? [])]
  return {
    plan: {
      ...plan,
      sends_input: plan.sends_input || inActivity.some(({ root }) => root === "input"),
      executed_when: found.template,
      ...(result !== undefined && { output: result.template }),
      reads_own: references.some(({ root }) => root === "input") ? ["input"] : [],
      ...(fences === true && { fences }),
    },
    references,
  }
}

function refuseWrites({ config, pointer }: ProbeDraft, { report }: FlowContext): void {
  if (config?.kind === "mq")
    report({
      pointer: pointerTo(pointer, "task_name"),
      code: "probe_kind",
      message: "a message gets no answer: a probe is an http, rpc or db call",
    })
  const sql = config?.kind === "db" ? config.reading.config["sql"] : undefined
  // How a statement begins is the same in both dialects.
  const isWritten = typeof sql === "string" && !readSql(sql, "postgres").isQuery
  if (config?.reading.writes !== undefined || isWritten)
    report({
      pointer: pointerTo(pointer, "config"),
      code: "probe_writes",
      message: "a probe only reads: it may run at any time, and again",
      fix: "select what shows whether the effect is there",
    })
}
