#!/usr/bin/env node
import { existsSync } from "node:fs"

// An installed package comes compiled; a checkout is compiled at its first use, and by the npm scripts.
const build = new URL("../scripts/build.mjs", import.meta.url)
if (!existsSync(new URL("../dist/.stamp", import.meta.url)) && existsSync(build)) await import(build)
const { main } = await import("../dist/app/main.js")
await main()
