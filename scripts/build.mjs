// Compiles src to dist, then what cannot be compiled: the workflow bundle and the docs page's script.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))
const require = createRequire(import.meta.url)
const at = (...parts) => path.join(root, ...parts)

const compiled = spawnSync(
  process.execPath,
  [require.resolve("typescript/lib/tsc.js"), "-p", at("tsconfig.build.json")],
  {
    stdio: "inherit",
    cwd: root,
  },
)
if (compiled.status !== 0) process.exit(compiled.status ?? 1)

mkdirSync(at("dist/assets"), { recursive: true })
const scalar = path.join(
  path.dirname(require.resolve("@scalar/api-reference/package.json")),
  "dist/browser/standalone.js",
)
copyFileSync(scalar, at("dist/assets/scalar.js"))

await bundleWorkflows()

// The bundle is remade when the compiled sandbox floors, or the SDK that made it, changed.
async function bundleWorkflows() {
  const target = at("dist/assets/workflow-bundle.js")
  if (!existsSync(at("dist/workflows/index.js"))) return
  const hash = createHash("sha256").update(readFileSync(require.resolve("@temporalio/worker/package.json")))
  for (const floor of ["contract", "expression", "engine", "workflows"])
    for (const file of readdirSync(at("dist", floor), { recursive: true }).sort())
      if (String(file).endsWith(".js")) hash.update(readFileSync(at("dist", floor, String(file))))
  const stamp = hash.digest("hex")
  if (
    existsSync(target) &&
    existsSync(`${target}.stamp`) &&
    readFileSync(`${target}.stamp`, "utf8") === stamp
  )
    return
  const { bundleWorkflows: bundle } = await import(at("dist/worker/bundle.js"))
  const { code } = await bundle()
  writeFileSync(target, code)
  writeFileSync(`${target}.stamp`, stamp)
}
