// The floors of ARCHITECTURE.md. An arrow goes down only; anything not listed here is an error.
const floor = (name, allowed) => ({
  name: `floor-${name}`,
  severity: "error",
  from: { path: `^src/${name}/`, pathNot: "[.]test(suite)?[.]ts$" },
  to: { path: "^src/", pathNot: `^src/(${[name, "contract", ...allowed].join("|")})/` },
})

const sandboxed = "^src/(contract|expression|engine|workflows)/"

module.exports = {
  forbidden: [
    {
      name: "no-cycle",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    floor("contract", []),
    floor("expression", []),
    floor("flow", ["expression"]),
    floor("engine", ["expression"]),
    floor("masking", []),
    floor("connection", []),
    floor("barrier", []),
    floor("store", ["masking"]),
    floor("local", []),
    floor("config", ["connection"]),
    floor("workflows", ["engine"]),
    floor("activities", ["expression", "masking", "connection", "barrier", "store"]),
    floor("api", ["flow", "masking", "connection", "store", "config"]),
    floor("worker", ["activities", "store", "config"]),
    floor("sdk", []),
    floor("cli", ["sdk", "config"]),
    floor("app", [
      "api",
      "worker",
      "local",
      "store",
      "config",
      "sdk",
      "cli",
      "flow",
      "activities",
      "barrier",
      "masking",
    ]),
    {
      name: "engine-knows-no-temporal",
      severity: "error",
      from: { path: "^src/(contract|expression|flow|engine)/" },
      to: { path: "node_modules/@temporalio" },
    },
    {
      name: "sandbox-packages",
      severity: "error",
      from: { path: sandboxed, pathNot: "[.]test(suite)?[.]ts$" },
      to: {
        dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer", "unknown"],
        pathNot: "node_modules/(@temporalio/(workflow|common)|@noble/hashes|fflate)",
      },
    },
    {
      name: "only-the-shell-touches-temporal",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(workflows|activities|worker|api|app|store)/" },
      to: { path: "node_modules/@temporalio" },
    },
    {
      name: "only-env-reads-the-environment",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(config|local|app|cli)/" },
      to: { path: "^(node:)?process$" },
    },
    {
      name: "nothing-imports-tests",
      severity: "error",
      from: { path: "^src/", pathNot: "[.]test(suite)?[.]ts$" },
      to: { path: "(^test/|[.]test(suite)?[.]ts$)" },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
    },
  },
}
