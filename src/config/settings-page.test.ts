import { format } from "prettier"
import { expect, test } from "vitest"
import { SETTINGS, toFileKey } from "./settings-table.ts"
import type { SettingRow } from "./settings-table.ts"

const HEAD = `# Settings

<!-- Made from src/config/settings-table.ts by its test: npx vitest run --project unit src/config/settings-page.test.ts -u -->

A setting may be a flag of \`holdfast start\`, a variable of the environment, or a line of a settings file; the first of these that has it counts, and the default after them. \`--config FILE\` (\`CONFIG_PATH\`) names the file, TOML or YAML by its ending, with the keys of this table:

\`\`\`toml
http_port = 8081
role = ["api", "sweeper"]
database_url_file = "/run/secrets/database_url"
\`\`\`

An unknown key, or an unknown variable that starts with \`HOLDFAST_\`, is an error. Every problem is listed at once, and nothing is started. A setting marked \\* is secret: its name with \`_FILE\` behind it (\`DATABASE_URL_FILE\`) names a file that holds the value. \`holdfast start --print-config\` shows what counts in the end, without secrets.

Temporal is found as all its tools find it: \`TEMPORAL_ADDRESS\`, \`TEMPORAL_NAMESPACE\`, \`TEMPORAL_API_KEY\`, \`TEMPORAL_TLS*\` or a profile (\`TEMPORAL_PROFILE\`).

| variable | key | flag | default | what it is |
| --- | --- | --- | --- | --- |
`

function toLine({ name, flag, secret, default: byDefault, absent, does }: SettingRow): string {
  const value = byDefault === undefined ? (absent ?? "") : `\`${byDefault}\``
  const mark = secret === true ? String.raw` \*` : ""
  return `| \`${name}\`${mark} | \`${toFileKey(name)}\` | ${flag === undefined ? "" : `\`${flag}\``} | ${value} | ${does} |`
}

test("docs/settings.md says what the table says", async () => {
  const page = HEAD + Object.values(SETTINGS).map(toLine).join("\n")
  await expect(await format(page, { parser: "markdown", printWidth: 110 })).toMatchFileSnapshot(
    "../../docs/settings.md",
  )
})

test("each setting says what holds without it, and has a name, a key and a flag of its own", () => {
  const rows: SettingRow[] = Object.values(SETTINGS)
  for (const row of rows) expect([row.name, row.default ?? row.absent]).not.toContain(undefined)
  const keys = rows.map(({ name }) => toFileKey(name))
  expect(new Set(keys).size).toBe(rows.length)
  const flags = rows.flatMap(({ flag }) => (flag === undefined ? [] : [flag]))
  expect(new Set(flags).size).toBe(flags.length)
})
