/** Which master keys this process has. */
import type { Settings } from "../config/env.ts"
import { openLocalMasterKey } from "../local/master-key.ts"
import { createPool } from "../store/pool.ts"
import { listKeyIds } from "../store/queries/list-key-ids.ts"
import { type MasterKeys, parseMasterKeys } from "../store/secrets/master-keys.ts"
import { describeError } from "./describe-error.ts"

interface KeyOptions {
  settings: Settings
  stateDir: string
  mode: "local" | "server"
  say: (line: string) => void
}

/** Given ones; in local mode otherwise the project's own, made at its first start. @throws for one that cannot be used. */
export async function resolveMasterKeys({
  settings,
  stateDir,
  mode,
  say,
}: KeyOptions): Promise<MasterKeys | undefined> {
  if (settings.masterKey !== undefined) return parseGiven(settings.masterKey)
  if (mode === "server") {
    say("no HOLDFAST_MASTER_KEY: secrets come from the file only, and none can be stored")
    return undefined
  }
  const { text, file, origin } = await openLocalMasterKey(stateDir)
  if (origin === "made") say(`master key for stored secrets: made ${file}; without it they cannot be read`)
  try {
    return parseMasterKeys(text)
  } catch (thrown) {
    throw new Error(`${file}: ${describeError(thrown)}`, { cause: thrown })
  }
}

export function parseGiven(text: string): MasterKeys {
  try {
    return parseMasterKeys(text)
  } catch (thrown) {
    throw new Error(`HOLDFAST_MASTER_KEY: ${describeError(thrown)}`, { cause: thrown })
  }
}

/** Says at start what would otherwise show at the first call only. */
export async function warnOfForeignKeys(
  databaseUrl: string,
  keys: MasterKeys | undefined,
  say: (line: string) => void,
): Promise<void> {
  const pool = createPool({ url: databaseUrl, max: 1 })
  try {
    for (const { key_id, secrets } of await listKeyIds(pool))
      if (keys?.find(key_id) === undefined)
        say(`warning: ${secrets} stored secrets need master key ${key_id}, which this process does not have`)
  } finally {
    await pool.end()
  }
}
