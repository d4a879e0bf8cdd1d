/** How the text of a setting is read. Whatever its source, a value reaches these as text. */
import { z } from "zod"
import { createAddressRules } from "../contract/addresses.ts"
import { DurationError, parseDuration } from "../contract/duration.ts"
import { toError } from "../contract/errors.ts"
import { FOUR_EYES_ACTIONS } from "../contract/four-eyes.ts"
import { isRole, ROLES } from "../contract/roles.ts"
import type { Role } from "../contract/roles.ts"
import type { ProposableAction } from "../contract/statuses.ts"

type Refuse = (message: string) => never

/** `read` gives the value, or says what was expected. */
function readText<T>(read: (text: string, refuse: Refuse) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const refuse = (message: string): never => {
      context.issues.push({ code: "custom", message, input: text })
      return z.NEVER
    }
    return read(text, refuse)
  })
}

export function wholeNumber(
  what: string,
  { min, max }: { min: number; max: number },
): z.ZodType<number, string> {
  return readText((text, refuse) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : refuse(`expected ${what}, ${min} to ${max}`)
  })
}

export function decimalNumber(
  what: string,
  { min, max }: { min: number; max: number },
): z.ZodType<number, string> {
  return readText((text, refuse) => {
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : refuse(`expected ${what}, ${min} to ${max}`)
  })
}

/** Node's timers end at 2^31 ms. */
const MAX_TIMER_MS = 24 * 86_400_000

const MIN_RETENTION_MS = 86_400_000

/** In milliseconds, at most 24 days. */
export function duration({ minMs }: { minMs: number }): z.ZodType<number, string> {
  return readText((text, refuse) => {
    try {
      const ms = parseDuration(text)
      return ms >= minMs && ms <= MAX_TIMER_MS ? ms : refuse(`expected ${minMs}ms to 24d`)
    } catch (thrown) {
      if (!(thrown instanceof DurationError)) throw thrown
      return refuse('expected a duration such as "500ms", "10s" or "5m"')
    }
  })
}

/** How long something is kept, in milliseconds; `off` for ever. Less than a day is a mistake in the unit. */
export const retention: z.ZodType<number | "off", string> = readText((text, refuse) => {
  if (text === "off") return text
  try {
    const ms = parseDuration(text)
    return ms >= MIN_RETENTION_MS ? ms : refuse("expected off, or 1d at least")
  } catch (thrown) {
    if (!(thrown instanceof DurationError)) throw thrown
    return refuse('expected off, or a duration such as "90d"')
  }
})

/** Names between commas, each once. */
export const nameList: z.ZodType<string[], string> = readText((text, refuse) => {
  const names = splitList(text)
  return names.length > 0 ? names : refuse("expected names between commas")
})

/** CIDR ranges between commas. */
export const rangeList: z.ZodType<string[], string> = readText((text, refuse) => {
  const ranges = splitList(text)
  try {
    createAddressRules({ allowLoopback: false, allowRanges: ranges })
    return ranges
  } catch (thrown) {
    return refuse(toError(thrown).message)
  }
})

/** Decisions that wait for a second person, between commas; `off` for none. */
export const actionList: z.ZodType<ProposableAction[], string> = readText((text, refuse) => {
  const words = splitList(text)
  const listed = FOUR_EYES_ACTIONS.filter((action) => words.includes(action))
  if (words.length === 1 && words[0] === "off") return []
  if (words.length === 0 || listed.length < words.length)
    return refuse(`expected off, or some of ${FOUR_EYES_ACTIONS.join(", ")}`)
  return listed
})

/** `all` means every role. In the order of `ROLES`, each once. */
export const roleList: z.ZodType<Role[], string> = readText((text, refuse) => {
  const words = splitList(text)
  const unknown = words.filter((word) => word !== "all" && !isRole(word))
  if (words.length === 0 || unknown.length > 0) return refuse(`expected all, or some of ${ROLES.join(", ")}`)
  return ROLES.filter((role) => words.includes("all") || words.includes(role))
})

export function oneOf<const T extends string>(words: readonly T[]): z.ZodType<T, string> {
  return readText(
    (text, refuse) => words.find((word) => word === text) ?? refuse(`expected one of ${words.join(", ")}`),
  )
}

export const anyText: z.ZodType<string, string> = z.string()

function splitList(text: string): string[] {
  const words = text.split(",").map((word) => word.trim())
  return [...new Set(words.filter((word) => word !== ""))]
}
