/**
 * The one place that takes secrets out of what leaves an activity: rows, failures, outputs, log lines. A value counts
 * as a secret from the moment it was read, and is found by value in every spelling of `secret-spellings.ts`.
 */
import { isSecretName, REDACTED } from "../contract/secret-names.ts"
import { spellSecret } from "./secret-spellings.ts"

/** A shorter value would turn up in ordinary words; it is kept out by the name of its header alone. */
export const MIN_MASKED_LENGTH = 4

export interface Mask {
  /** From now on the value is taken out. */
  learn: (value: string) => void
  text: (text: string) => string
  /** A copy without secret values; the same value where there are none. */
  values: (value: unknown) => unknown
  /** A copy without secret values and without members whose name says that they hold one. */
  valuesAndNames: (value: unknown) => unknown
}

/** @param wider is taught the same: a tenant's mask teaches that of the process, never another tenant's. */
export function createMask(wider?: Pick<Mask, "learn">): Mask {
  const known = new Set<string>()
  let forms: string[] = []
  let pattern: RegExp | undefined

  const text = (from: string): string => {
    if (forms.length === 0) return from
    pattern ??= new RegExp(forms.map(escapePattern).join("|"), "g")
    return from.replaceAll(pattern, REDACTED)
  }
  return {
    learn(value) {
      wider?.learn(value)
      if (value.length < MIN_MASKED_LENGTH || known.has(value)) return
      known.add(value)
      forms = [...new Set([...forms, ...spellSecret(value)])].toSorted((a, b) => b.length - a.length)
      pattern = undefined
    },
    text,
    values: (value) => (forms.length === 0 ? value : mapTexts(value, { text, names: "kept" })),
    valuesAndNames: (value) => mapTexts(value, { text, names: "judged" }),
  }
}

interface Mapping {
  text: (text: string) => string
  names: "kept" | "judged"
}

/** With a stack of its own: a reply may nest deeper than calls can. */
function mapTexts(root: unknown, { text, names }: Mapping): unknown {
  const open: { from: object; to: unknown[] | Record<string, unknown> }[] = []
  const map = (value: unknown): unknown => {
    if (typeof value === "string") return text(value)
    // A secret of digits alone may come back as a number.
    if (typeof value === "number") return text(String(value)) === String(value) ? value : REDACTED
    if (typeof value !== "object" || value === null) return value
    const to = Array.isArray(value) ? [] : {}
    open.push({ from: value, to })
    return to
  }
  const result = map(root)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { from, to } = next
    if (Array.isArray(to)) for (const item of Object.values(from)) to.push(map(item))
    else
      for (const [name, member] of Object.entries(from) as [string, unknown][]) {
        const hidden = names === "judged" && isSecretName(name) && isText(member)
        // Defined, not assigned: a member may be named __proto__.
        Object.defineProperty(to, text(name), {
          value: hidden ? REDACTED : map(member),
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
  }
  return result
}

/** Headers that come more than once are lists. */
function isText(value: unknown): boolean {
  return typeof value === "string" || (Array.isArray(value) && value.every((one) => typeof one === "string"))
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)
}
