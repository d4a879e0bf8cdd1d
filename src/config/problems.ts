import type { z } from "zod"

/** Settings or a settings file that cannot be used. Its message lists every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError"
  readonly problems: readonly string[]

  constructor(source: string, problems: readonly string[]) {
    super([`${source} cannot be used:`, ...problems.map((problem) => `  - ${problem}`)].join("\n"))
    this.problems = problems
  }
}

/** One line for each issue: where, what was expected. Values are left out, they may be secret. */
export function describeIssues(error: z.ZodError): string[] {
  return error.issues.map((issue) => {
    const where = issue.path.map(String).join("/")
    return where === "" ? issue.message : `${where}: ${issue.message}`
  })
}
