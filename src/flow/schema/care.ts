/** Who hears of exceptions, and when: fields of a task, and of the flow for the tasks that do not say. */
import { z } from "zod"
import { ESCALATION_ACTIONS } from "../../contract/statuses.ts"
import { duration, words } from "./fields.ts"

const MAX_STEPS = 10

/** Names of people and teams are the flow's own: no control characters, and no blanks around. */
export const personName = z
  .string()
  .regex(/^(?!\s)[^\p{C}]{1,100}(?<!\s)$/u, { error: "expected a name of 1 to 100 characters" })

const EscalationStepSchema = z
  .strictObject({
    /** From the exception's opening on. */
    after: duration(1),
    /** Who is told. */
    notify: personName.optional(),
    /** What is done, if a person might do it now. */
    action: words(ESCALATION_ACTIONS).optional(),
  })
  .superRefine(({ notify, action }, context) => {
    if ((notify === undefined) !== (action === undefined)) return
    const came = notify === undefined ? "neither" : "both"
    const message = `a step has either notify or action, got ${came}`
    context.addIssue({
      code: "custom",
      message,
      params: { code: notify === undefined ? "required" : "conflict" },
    })
  })

const escalationSteps = z
  .array(EscalationStepSchema)
  .min(1)
  .max(MAX_STEPS)
  .superRefine((steps, context) => {
    for (const [position, { after }] of steps.entries()) {
      const before = steps[position - 1]?.after ?? 0
      if (after > before) continue
      const message = `after (${after} ms) must be later than that of the step before (${before} ms)`
      context.addIssue({
        code: "custom",
        message,
        params: { code: "out_of_order" },
        path: [position, "after"],
      })
    }
  })

const EarlyWarningSchema = z.strictObject({
  /** Attempts that failed. */
  after_attempts: z.int().min(1).max(10_000).optional(),
  after: duration(1).optional(),
})

export const careFields = {
  /** Of exceptions that nobody resolves; `false`: of none. */
  escalate: z.union([z.literal(false), escalationSteps]).optional(),
  /** By when an exception is to be resolved. */
  sla: duration(1).optional(),
  /** Of a call that is still tried; `false`: none. */
  early_warning: z.union([z.literal(false), EarlyWarningSchema]).optional(),
}

export const CareSchema = z.strictObject(careFields)
