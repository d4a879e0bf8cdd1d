/**
 * What a db task's SQL is, by its text: whether it is one statement that leaves the barrier's transaction as it is.
 * Guards against mistakes: what a function or a view does that the statement uses cannot be seen. Values are `$1`,
 * `$2`, ... in Postgres and `?` in MySQL and MariaDB, as their servers have it.
 */

/** Where the barrier keeps its rows, in the business database. */
export const BARRIER_TABLE = "holdfast_barrier"

export type SqlDialect = "postgres" | "mysql"

interface DialectRules {
  /** Anything else could end or begin a transaction, change the schema or the settings, or run a program. */
  firstWords: readonly string[]
  /** Names that no statement may hold, quoted or not. */
  reserved: readonly string[]
  quote: string
  token: RegExp
}

const QUERY_WORDS = ["select", "with", "values"]

export interface SqlReading {
  /** The word it begins with, in lower case, after comments and opening brackets. */
  firstWord: string | undefined
  /** It can be read through a cursor. It may write all the same, by a function or in a `with`. */
  isQuery: boolean
  /** The highest n of its $n, or the number of its ?. */
  parameters: number
  flaw: SqlFlaw | undefined
}

export interface SqlFlaw {
  code: "sql_not_allowed" | "sql_several" | "sql_reserved"
  message: string
  fix: string
}

export function readSql(sql: string, dialect: SqlDialect): SqlReading {
  const tokens = tokenize(sql, dialect)
  const first = tokens.find((token) => token !== "(")
  const firstWord = first !== undefined && /^[a-z]/.test(first) ? first : undefined
  return {
    firstWord,
    isQuery: firstWord !== undefined && QUERY_WORDS.includes(firstWord),
    parameters: dialect === "mysql" ? tokens.filter((token) => token === "?").length : highestNumber(tokens),
    flaw: findFlaw(tokens, firstWord, RULES[dialect]),
  }
}

function highestNumber(tokens: readonly string[]): number {
  return tokens.reduce((most, token) => Math.max(most, Number(/^\$(\d+)$/.exec(token)?.[1] ?? 0)), 0)
}

function findFlaw(
  tokens: readonly string[],
  firstWord: string | undefined,
  { firstWords, reserved, quote }: DialectRules,
): SqlFlaw | undefined {
  if (tokens.includes(EXECUTED_COMMENT))
    return {
      code: "sql_not_allowed",
      message: `the server executes what is in a comment that begins with ${EXECUTED_COMMENT}`,
      fix: "write it without the comment's marks, or leave it out",
    }
  if (firstWord === undefined || !firstWords.includes(firstWord)) {
    const begins = firstWord === undefined ? "no word" : firstWord
    return {
      code: "sql_not_allowed",
      message: `a statement begins with ${firstWords.join(", ")}; this one with ${begins}`,
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
  const name = reserved.find((name) => tokens.includes(name) || tokens.includes(`${quote}${name}${quote}`))
  if (name === undefined) return undefined
  return {
    code: "sql_reserved",
    message: `the statement names ${name}, which would break the barrier that keeps the task from running twice`,
    fix: "leave it out",
  }
}

const EXECUTED_COMMENT = "/*!"

/**
 * Texts, numbers and names whole: none of them can be taken for something else. What has no end takes the rest.
 * PostgreSQL manual, 4.1, with standard_conforming_strings on.
 */
const POSTGRES_TOKEN = new RegExp(
  [
    String.raw`(?<skipped>\s+|--[^\n]*)`,
    String.raw`(?<text>[eE]'(?:[^'\\]|\\.|'')*(?:'|$)|'(?:[^']|'')*(?:'|$))`,
    String.raw`(?<dollar>\$(?<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$(?:.*?\$\k<tag>\$|.*))`,
    String.raw`(?<other>"(?:[^"]|"")*(?:"|$)|\$\d+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|.)`,
  ].join("|"),
  "sy",
)

/** With a sql_mode that has neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES. MySQL manual, 11.1, 11.2 and 11.7. */
const MYSQL_TOKEN = new RegExp(
  [
    String.raw`(?<skipped>\s+|--(?=[\s\x00-\x1f]|$)[^\n]*|#[^\n]*)`,
    String.raw`(?<text>'(?:[^'\\]|\\.|'')*(?:'|$)|"(?:[^"\\]|\\.|"")*(?:"|$))`,
    "(?<other>`(?:[^`]|``)*(?:`|$)|[\\w$\\u0080-\\uffff]+|.)",
  ].join("|"),
  "sy",
)

const RULES: Record<SqlDialect, DialectRules> = {
  postgres: {
    firstWords: ["select", "insert", "update", "delete", "merge", "with", "values", "call"],
    // The function is `set` in another form.
    reserved: [BARRIER_TABLE, "set_config"],
    quote: '"',
    token: POSTGRES_TOKEN,
  },
  mysql: {
    // No call: a procedure may commit, and the barrier's transaction with it.
    firstWords: ["select", "insert", "update", "delete", "replace", "with", "values"],
    // A file that a select writes is there after the rollback too.
    reserved: [BARRIER_TABLE, "outfile", "dumpfile"],
    quote: "`",
    token: MYSQL_TOKEN,
  },
}

/** Words in lower case, quoted names with their quotes; every text is `'`. Comments are left out. */
function tokenize(sql: string, dialect: SqlDialect): string[] {
  const { token, quote } = RULES[dialect]
  const tokens: string[] = []
  let at = 0
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      if (dialect === "mysql" && /^\/\*M?!/.test(sql.slice(at, at + 4))) tokens.push(EXECUTED_COMMENT)
      at = dialect === "mysql" ? endOfFlatComment(sql, at) : endOfComment(sql, at)
      continue
    }
    token.lastIndex = at
    const { text, dollar, other } = token.exec(sql)?.groups ?? {}
    at = token.lastIndex
    if (text !== undefined || dollar !== undefined) tokens.push("'")
    // Postgres keeps the letters of a quoted name apart; MySQL does so on some systems only.
    else if (other !== undefined)
      tokens.push(dialect === "postgres" && other.startsWith(quote) ? other : other.toLowerCase())
  }
  return tokens
}

function endOfFlatComment(sql: string, start: number): number {
  const end = sql.indexOf("*/", start + 2)
  return end === -1 ? sql.length : end + 2
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
