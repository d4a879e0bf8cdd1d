/** What the caller may name a transaction: any characters that a URL path can carry and a log line can show. */

export const MAX_INSTANCE_ID_CHARACTERS = 128

/** `.` and `..` are out because URLs resolve them away, even percent-encoded. */
export const INSTANCE_ID_RULES: readonly { holds: (id: string) => boolean; error: string }[] = [
  {
    holds: (id) => id !== "" && countCharacters(id) <= MAX_INSTANCE_ID_CHARACTERS,
    error: `must have 1 to ${MAX_INSTANCE_ID_CHARACTERS} characters`,
  },
  { holds: (id) => !/[\p{Cc}\p{Surrogate}]/u.test(id), error: "must not contain control characters" },
  { holds: (id) => id !== "." && id !== "..", error: "must not be . or ..: no URL can name it" },
]

export function isInstanceId(id: string): boolean {
  return INSTANCE_ID_RULES.every(({ holds }) => holds(id))
}

/** Code points: what Postgres and most languages count. */
function countCharacters(value: string): number {
  return Array.from(value).length
}
