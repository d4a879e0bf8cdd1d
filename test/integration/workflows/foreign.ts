/** Somebody else's workflow, whose history Holdfast's engine cannot come to. */
import { sleep } from "@temporalio/workflow"

export async function foreign(): Promise<void> {
  await sleep(1)
}
