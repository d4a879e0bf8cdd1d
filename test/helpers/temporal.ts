import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { Connection } from "@temporalio/client"
import { temporal } from "@temporalio/proto"
import { SEARCH_ATTRIBUTE_BUSINESS_KEY, SEARCH_ATTRIBUTE_TENANT } from "../../src/contract/messages.ts"
import { getServers } from "./servers.ts"

export interface TestTemporal {
  address: string
  /** Of its own, so that test files do not take each other's tasks from the queues. About 100 ms. */
  namespace: string
}

export async function testTemporal(): Promise<TestTemporal> {
  const { temporalAddress: address } = await getServers()
  const namespace = `test-${randomBytes(6).toString("hex")}`
  const connection = await Connection.connect({ address })
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    })
    const keyword = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    await untilDone(() =>
      connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: { [SEARCH_ATTRIBUTE_TENANT]: keyword, [SEARCH_ATTRIBUTE_BUSINESS_KEY]: keyword },
      }),
    )
    // The server's caches follow a moment later; this query needs both the namespace and the attribute.
    await untilDone(() =>
      connection.workflowService.countWorkflowExecutions({
        namespace,
        query: `${SEARCH_ATTRIBUTE_TENANT} = 'x'`,
      }),
    )
  } finally {
    await connection.close()
  }
  return { address, namespace }
}

async function untilDone(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      await attempt()
      return
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown
      await sleep(20)
    }
  }
}
