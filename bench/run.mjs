// Starts one of the benchmark's programs: node bench/run.mjs <program> [arguments]. The programs are TypeScript;
// what they measure is the build.
import { register } from "node:module"

register("./typescript-hooks.mjs", import.meta.url)
const [program = "main"] = process.argv.splice(2, 1)
await import(new URL(`programs/${program}.ts`, import.meta.url).href)
