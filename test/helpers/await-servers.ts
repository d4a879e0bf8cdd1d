/** A setup file: unlike hooks, these have no time limit of their own. */
import { getServers } from "./servers.ts"

await getServers()
