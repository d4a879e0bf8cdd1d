// Module hooks: sources of the product become what the build made of them, every other TypeScript module is
// stripped of its types. All of it is erasable and isolated, so one file at a time will do.
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const SRC = new URL("../src/", import.meta.url).href
const DIST = new URL("../dist/", import.meta.url).href

export function resolve(specifier, context, nextResolve) {
  const url = URL.canParse(specifier, context.parentURL) ? new URL(specifier, context.parentURL).href : ""
  if (!/^\.{1,2}\/.*\.ts$/.test(specifier) || !url.startsWith(SRC)) return nextResolve(specifier, context)
  return nextResolve(url.replace(SRC, DIST).replace(/\.ts$/, ".js"), context)
}

export async function load(url, context, nextLoad) {
  if (!url.endsWith(".ts")) return nextLoad(url, context)
  const text = await readFile(fileURLToPath(url), "utf8")
  const { outputText } = ts.transpileModule(text, {
    fileName: fileURLToPath(url),
    compilerOptions: {
      target: "es2023",
      module: "esnext",
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
    },
  })
  return { format: "module", source: outputText, shortCircuit: true }
}
