/** What this process needs to carry requests out, each asked within a moment. */
import { toError } from "../contract/errors.ts"
import type { ApiServices } from "./dependencies.ts"

const PATIENCE_MS = 2_000

export async function checkReadiness(services: ApiServices): Promise<Record<string, boolean>> {
  const { pool, client, readiness } = services
  const [postgres, temporal, own] = await Promise.all([
    holds(services, "postgres", () => pool.query("select 1")),
    holds(services, "temporal", () =>
      client.withDeadline(Date.now() + PATIENCE_MS, () => client.workflowService.getSystemInfo({})),
    ),
    readiness?.() ?? {},
  ])
  return { postgres, temporal, ...own }
}

async function holds({ logger }: ApiServices, name: string, ask: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  })
  try {
    await Promise.race([ask(), tooLate])
    return true
  } catch (error) {
    logger.warn({ check: name, error: toError(error).message }, "not ready")
    return false
  } finally {
    clearTimeout(timer)
  }
}
