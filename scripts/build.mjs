// Compiles src to dist, then what cannot be compiled: the workflow bundle and the docs page's script. Does
// nothing when dist was made from these very sources. Says nothing on stdout, which belongs to the command run.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../", import.meta.url))
const require = createRequire(import.meta.url)
const at = (...parts) => path.join(root, ...parts)

const stampFile = at("dist/.stamp")
const stamp = hashFiles([
  ...filesUnder("src"),
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "scripts/build.mjs",
])
if (!existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) await build()

async function build() {
  process.stderr.write("compiling Holdfast, once after each change\n")
  rmSync(stampFile, { force: true })
  removeLeftovers()
  compile()
  copyDocsPage()
  await bundleWorkflows()
  writeFileSync(stampFile, stamp)
}

// Compiled files whose source is gone would still be found by whoever imports or bundles them.
function removeLeftovers() {
  if (!existsSync(at("dist"))) return
  for (const file of filesUnder("dist")) {
    const [, module] = /^dist\/(.+?)\.(?:d\.ts|js|js\.map)$/.exec(file) ?? []
    if (module !== undefined && !module.startsWith("assets/") && !existsSync(at("src", `${module}.ts`)))
      rmSync(at(file))
  }
}

function compile() {
  const compiler = require.resolve("typescript/lib/tsc.js")
  const { status } = spawnSync(process.execPath, [compiler, "-p", at("tsconfig.build.json")], {
    stdio: ["ignore", 2, 2],
    cwd: root,
  })
  if (status !== 0) process.exit(status ?? 1)
}

function copyDocsPage() {
  mkdirSync(at("dist/assets"), { recursive: true })
  // Its package exports neither this file nor its package.json.
  const standalone = at("node_modules/@scalar/api-reference/dist/browser/standalone.js")
  copyFileSync(standalone, at("dist/assets/scalar.js"))
}

// The bundle is remade when the compiled sandbox floors, or the SDK that made it, changed.
async function bundleWorkflows() {
  const target = at("dist/assets/workflow-bundle.js")
  if (!existsSync(at("dist/workflows/index.js"))) return
  const sandboxed = ["contract", "expression", "engine", "workflows"].flatMap((floor) =>
    filesUnder(`dist/${floor}`),
  )
  const sdk = path.relative(root, require.resolve("@temporalio/worker/package.json"))
  const made = hashFiles([sdk, ...sandboxed.filter((file) => file.endsWith(".js"))])
  if (existsSync(target) && existsSync(`${target}.stamp`) && readFileSync(`${target}.stamp`, "utf8") === made)
    return
  const { bundleWorkflows: bundle } = await import(at("dist/worker/bundle.js"))
  const { code } = await bundle()
  writeFileSync(target, code)
  writeFileSync(`${target}.stamp`, made)
}

function filesUnder(directory) {
  return readdirSync(at(directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .toSorted()
}

function hashFiles(files) {
  const hash = createHash("sha256")
  for (const file of files)
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(at(file)))
      .update("\0")
  return hash.digest("hex")
}
