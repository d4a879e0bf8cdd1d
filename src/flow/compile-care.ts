/** Who hears of exceptions, and when, as the engine reads it. */
import type { PlanCare, PlanEarlyWarning } from "../contract/plan.ts"
import type { Fields } from "./read-object.ts"
import type { CareSchema } from "./schema/care.ts"

/** What others do: three times is no accident any more, and two minutes are long for a person who waits. */
const EARLY_WARNING: PlanEarlyWarning = { attempts: 3, after_ms: 120_000 }

/** Of a task: what it does not say, its flow does. */
export function compileCare(
  { escalate, sla, early_warning: warning }: Fields<typeof CareSchema>,
  early: PlanCare["early_warning"],
): PlanCare {
  const defaults = early === undefined || early === false ? EARLY_WARNING : early
  return {
    ...(escalate !== undefined && { escalate: escalate === false ? [] : escalate.map(toStep) }),
    ...(sla !== undefined && { sla_ms: sla }),
    ...(warning !== undefined && {
      early_warning: warning !== false && {
        attempts: warning.after_attempts ?? defaults.attempts,
        after_ms: warning.after ?? defaults.after_ms,
      },
    }),
  }
}

/** Of the flow. */
export function compileFlowCare(fields: Fields<typeof CareSchema>): PlanCare {
  const { escalate, early_warning = false, ...care } = compileCare(fields, undefined)
  return {
    ...care,
    ...(escalate === undefined || escalate.length === 0 ? {} : { escalate }),
    ...(early_warning === false ? {} : { early_warning }),
  }
}

type Step = Exclude<NonNullable<Fields<typeof CareSchema>["escalate"]>, false>[number]

function toStep({ after, notify, action }: Step): NonNullable<PlanCare["escalate"]>[number] {
  if (notify !== undefined) return { after_ms: after, notify }
  if (action !== undefined) return { after_ms: after, action }
  throw new Error("the schema lets no step pass that says nothing")
}
