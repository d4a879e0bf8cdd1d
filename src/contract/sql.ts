/**
 * What a db task's SQL is, by its text: whether it is one statement that leaves the barrier's transaction as it is.
 * Guards against mistakes: what a function or a view does that the statement uses cannot be seen. Lexical rules:
 * PostgreSQL manual, 4.1, with standard_conforming_strings on.
 */

/** Where the barrier keeps its rows, in the business database. */
export const BARRIER_TABLE = "holdfast_barrier"

/** Anything else could end or begin a transaction, change the schema or the settings, or run a program. */
const FIRST_WORDS = ["select", "insert", "update", "delete", "merge", "with", "values", "call"]
const QUERY_WORDS = ["select", "with", "values"]
/** The table is the barrier's own; the function is `set` in another form. */
const RESERVED = [BARRIER_TABLE, "set_config"]

export interface SqlReading {
  /** The word it begins with, in lower case, after comments and opening brackets. */
  firstWord: string | undefined
  /** It can be read through a cursor. It may write all the same, by a function or in a `with`. */
  isQuery: boolean
  /** The highest n of its $n. */
  parameters: number
  flaw: SqlFlaw | undefined
}

export interface SqlFlaw {
  code: "sql_not_allowed" | "sql_several" | "sql_reserved"
  message: string
  fix: string
}

export function readSql(sql: string): SqlReading {
  const tokens = tokenize(sql)
  const first = tokens.find((token) => token !== "(")
  const firstWord = first !== undefined && /^[a-z]/.test(first) ? first : undefined
  return {
    firstWord,
    isQuery: firstWord !== undefined && QUERY_WORDS.includes(firstWord),
    parameters: tokens.reduce((most, token) => Math.max(most, Number(/^\$(\d+)$/.exec(token)?.[1] ?? 0)), 0),
    flaw: findFlaw(tokens, firstWord),
  }
}

function findFlaw(tokens: readonly string[], firstWord: string | undefined): SqlFlaw | undefined {
  if (firstWord === undefined || !FIRST_WORDS.includes(firstWord)) {
    const begins = firstWord === undefined ? "no word" : firstWord
    return {
      code: "sql_not_allowed",
      message: `a statement begins with ${FIRST_WORDS.join(", ")}; this one with ${begins}`,
      fix: "leave transactions, settings and the schema to others: the task runs in one transaction with its barrier",
    }
  }
  const end = tokens.indexOf(";")
  if (end !== -1 && tokens.slice(end).some((token) => token !== ";"))
    return {
      code: "sql_several",
      message: "sql is one statement; there is another after the first ;",
      fix: "put them together with a with, or write a task for each",
    }
  const reserved = RESERVED.find((name) => tokens.includes(name) || tokens.includes(`"${name}"`))
  if (reserved === undefined) return undefined
  return {
    code: "sql_reserved",
    message: `the statement names ${reserved}, which would break the barrier that keeps the task from running twice`,
    fix: "leave it out",
  }
}

/** Texts, numbers and names whole: none of them can be taken for something else. What has no end takes the rest. */
const TOKEN = new RegExp(
  [
    String.raw`(?<skipped>\s+|--[^\n]*)`,
    String.raw`(?<text>[eE]'(?:[^'\\]|\\.|'')*(?:'|$)|'(?:[^']|'')*(?:'|$))`,
    String.raw`(?<dollar>\$(?<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$(?:.*?\$\k<tag>\$|.*))`,
    String.raw`(?<other>"(?:[^"]|"")*(?:"|$)|\$\d+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|.)`,
  ].join("|"),
  "sy",
)

/** Words in lower case, quoted names with their quotes; every text is `'`. Comments are left out. */
function tokenize(sql: string): string[] {
  const tokens: string[] = []
  let at = 0
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      at = endOfComment(sql, at)
      continue
    }
    TOKEN.lastIndex = at
    const { text, dollar, other } = TOKEN.exec(sql)?.groups ?? {}
    at = TOKEN.lastIndex
    if (text !== undefined || dollar !== undefined) tokens.push("'")
    else if (other !== undefined) tokens.push(other.startsWith('"') ? other : other.toLowerCase())
  }
  return tokens
}

/** Comments nest. One without an end takes the rest. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === "/*" ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return sql.length
}
