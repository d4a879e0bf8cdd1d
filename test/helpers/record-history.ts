import { mkdir, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js"
import type { View } from "../../src/contract/rows.ts"
import type { Run } from "./workflow-rig.ts"

export interface RecordedHistory {
  history: unknown
  /** The run's own view at the end: a replay with any later build must come to the same. None of a bulk job. */
  view?: View
}

const HISTORIES = fileURLToPath(new URL("../replay/histories/", import.meta.url))

/**
 * Keeps a run for the replay corpus, only when `HOLDFAST_RECORD=1`. Before the first release a history is
 * recorded anew in the commit that changes the behaviour; after it none is ever deleted.
 */
export async function recordHistory(
  run: Pick<Run, "history"> & Partial<Pick<Run, "view">>,
  name: string,
): Promise<void> {
  if (process.env.HOLDFAST_RECORD !== "1") return
  const here = fileURLToPath(new URL("../../", import.meta.url))
  const recorded: RecordedHistory = {
    // Stack traces name the machine's own folders.
    history: JSON.parse(historyToJSON(await run.history()).replaceAll(here, "/holdfast/")),
    ...(run.view === undefined ? {} : { view: await run.view() }),
  }
  await mkdir(HISTORIES, { recursive: true })
  await writeFile(`${HISTORIES}${name}.json`, `${JSON.stringify(recorded, null, 1)}\n`)
}
