/** How a target that took a call is asked: the templates of `poll`, evaluated in the activity. */
import type { PlanPoll } from "../contract/plan.ts"
import type { Reference } from "./references.ts"
import type { KindReading } from "./schema/kind.ts"
import type { CompiledTemplate } from "./template-places.ts"

export interface CompiledPoll {
  templates: Pick<PlanPoll, PollTemplate>
  references: Reference[]
}

const POLL_TEMPLATES = ["url", "done_when", "fail_when"] as const
type PollTemplate = (typeof POLL_TEMPLATES)[number]

export function compilePoll(
  reading: KindReading["poll"],
  compile: (text: string, name: PollTemplate) => CompiledTemplate | undefined,
): CompiledPoll {
  const templates: Pick<PlanPoll, PollTemplate> = {}
  const references: Reference[] = []
  for (const name of POLL_TEMPLATES) {
    const text = reading?.[name]
    const compiled = text === undefined ? undefined : compile(text, name)
    if (compiled === undefined) continue
    templates[name] = compiled.template
    references.push(...compiled.references)
  }
  return { templates, references }
}
