/**
 * Regular expressions of a `params_schema` run on RE2: a publisher's pattern must never hang the API, and V8's
 * engine backtracks. RE2 is linear, so what is left to bound is program size times text, over one validation.
 */
import { RE2JS } from "@bufbuild/re2"

/** About 0.1 to 0.2 s of matching. A usual pattern has 20 to 50 instructions. */
const MAX_STEPS = 10_000_000
const MAX_PATTERN_LENGTH = 1_000

export class PatternBudgetError extends Error {
  override readonly name = "PatternBudgetError"
}

/** What ajv calls for `pattern` and `patternProperties`. */
export interface PatternEngine {
  (pattern: string, flags: string): { test: (text: string) => boolean }
  code: string
  /** Before each validation. */
  reset: () => void
}

/** Compiling throws for what RE2 does not have (backreferences, look-around); matching throws `PatternBudgetError`. */
export function createPatternEngine(): PatternEngine {
  let steps = 0
  const compile = (pattern: string) => {
    if (pattern.length > MAX_PATTERN_LENGTH) {
      throw new Error(`a pattern may have ${MAX_PATTERN_LENGTH} characters, this one has ${pattern.length}`)
    }
    const compiled = RE2JS.compile(toRe2(pattern))
    const instructions = compiled.re2().prog.numInst()
    return {
      // Ajv keeps one matcher per text form.
      toString: () => `/${pattern}/u`,
      test: (text: string) => {
        steps += instructions * text.length
        if (steps > MAX_STEPS)
          throw new PatternBudgetError("the texts are too long for the patterns of the schema")
        return compiled.test(text)
      },
    }
  }
  return Object.assign(compile, { code: "re2", reset: () => void (steps = 0) })
}

/** JSON Schema writes patterns as JavaScript does; of its escapes RE2 lacks these: `\u0041`, `\u{41}`, `\cA`. */
function toRe2(pattern: string): string {
  return pattern.replaceAll(
    /\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|c([A-Za-z])|[^])/g,
    (escape, braced, four, control) => {
      const hex: unknown = braced ?? four
      if (typeof hex === "string") return `\\x{${hex}}`
      return typeof control === "string" ? `\\x{${(control.charCodeAt(0) % 32).toString(16)}}` : escape
    },
  )
}
