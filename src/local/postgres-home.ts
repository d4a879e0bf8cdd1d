import { createHash } from "node:crypto"
import { chown, mkdir, realpath, writeFile } from "node:fs/promises"
import path from "node:path"
import { toError } from "../contract/errors.ts"

/** Where Postgres keeps what is its own, and whom it runs as. */
export interface PostgresHome {
  dir: string
  /** Set when we are root: Postgres refuses to run as root. */
  owner: { uid: number; gid: number } | undefined
}

/** `nobody`: exists everywhere, owns nothing, so nothing has to be created on the machine. */
const NOBODY = { uid: 65534, gid: 65534 }

/**
 * `<stateDir>/postgres`. For root a directory of the project under `/var/lib/holdfast`, since another user cannot
 * enter a home that only root may read.
 */
export async function openPostgresHome(stateDir: string): Promise<PostgresHome> {
  await mkdir(stateDir, { recursive: true }).catch((thrown: unknown) => {
    throw new Error(
      `${stateDir} cannot be made (${toError(thrown).message}): HOLDFAST_STATE_DIR names another place for what servers keep`,
      { cause: thrown },
    )
  })
  if (process.getuid?.() !== 0) {
    const dir = path.join(stateDir, "postgres")
    await mkdir(dir, { recursive: true, mode: 0o700 })
    return { dir, owner: undefined }
  }
  const project = await realpath(stateDir)
  const shared = "/var/lib/holdfast"
  await mkdir(shared, { recursive: true, mode: 0o755 })
  const dir = path.join(shared, createHash("sha256").update(project).digest("hex").slice(0, 16))
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chown(dir, NOBODY.uid, NOBODY.gid)
  await writeFile(path.join(dir, "PROJECT"), `${project}\n`)
  return { dir, owner: NOBODY }
}
