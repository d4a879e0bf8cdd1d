// The paths that our documents cite in backticks must exist. `*` stands for any one name.
import { existsSync, readFileSync, readdirSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))
const documents = ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"]
const cited = /`((?:src|test|scripts|bin|examples|docs|bench|\.ci)\/[^`\s]*)`/g

const missing = documents.flatMap((document) => {
  const text = readFileSync(path.join(root, document), "utf8")
  return [...text.matchAll(cited)]
    .filter(([, file]) => !matches(root, file.split("/")))
    .map(([, file]) => `${document}: ${file}`)
})
for (const line of missing) console.error(`cited, but not there: ${line}`)
process.exitCode = missing.length === 0 ? 0 : 1

function matches(directory, [name, ...rest]) {
  if (name === undefined || name === "") return true
  if (!name.includes("*")) {
    const file = path.join(directory, name)
    return existsSync(file) && matches(file, rest)
  }
  const pattern = new RegExp(
    `^${name
      .split("*")
      .map(RegExp.escape ?? escape)
      .join(".*")}$`,
  )
  return readdirSync(directory).some(
    (entry) => pattern.test(entry) && matches(path.join(directory, entry), rest),
  )
}

function escape(text) {
  return text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
}
