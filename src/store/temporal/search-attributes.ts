import type { Client } from "@temporalio/client"
// CommonJS, of which plain Node sees the default export alone.
import proto from "@temporalio/proto"
import { SEARCH_ATTRIBUTE_BUSINESS_KEY, SEARCH_ATTRIBUTE_TENANT } from "../../contract/messages.ts"
import { toError } from "../../contract/errors.ts"
import type { Logger } from "../logger.ts"
import { isTemporalAway } from "./errors.ts"

const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD

/**
 * Registers the search attributes that are missing. A server may refuse (Temporal Cloud, a role without the
 * operator's rights): then transactions are started without them, and the memo says the same.
 *
 * @returns whether both are there.
 * @throws the client's error when Temporal could not be asked.
 */
export async function ensureSearchAttributes(client: Client, logger: Logger): Promise<boolean> {
  const { namespace } = client.options
  try {
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace })
    const missing = [SEARCH_ATTRIBUTE_TENANT, SEARCH_ATTRIBUTE_BUSINESS_KEY].filter(
      (name) => customAttributes?.[name] === undefined,
    )
    if (missing.length === 0) return true
    await client.connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    })
    return true
  } catch (thrown) {
    if (isTemporalAway(thrown)) throw thrown
    logger.info({ error: toError(thrown).message }, "search attributes are not available, the memo stands in")
    return false
  }
}
