import path from "node:path"
import { resolveTemporalCli } from "../../src/local/temporal-cli.ts"
import { getServers } from "./servers.ts"

/** The Temporal CLI that the shared test server runs, so that nothing is built twice. */
export async function findTemporalCli(): Promise<string> {
  await getServers()
  const stateDir = path.resolve(import.meta.dirname, "../../.holdfast")
  return (await resolveTemporalCli({ stateDir, environment: process.env, say: () => undefined })).file
}
