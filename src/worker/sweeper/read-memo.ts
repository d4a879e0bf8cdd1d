import type { LostTransaction } from "../../store/queries/adopt-transaction.ts"

/** Nothing that the API writes is longer, and it is short enough for an index of Postgres. */
const MAX_CHARACTERS = 255
/** Of Postgres's `integer`. */
const MAX_VERSION = 2_147_483_647

/** What a memo says of its transaction. Whoever starts a workflow may write anything there: null for what no row can hold. */
export function readMemo({ flow_id, version, business_key }: Record<string, unknown> = {}): Pick<
  LostTransaction,
  "flow_id" | "flow_version" | "business_key"
> {
  return {
    flow_id: isText(flow_id) ? flow_id : null,
    flow_version: isVersion(version) ? version : null,
    business_key: isText(business_key) ? business_key : null,
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_CHARACTERS && !value.includes("\0")
}

function isVersion(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_VERSION
}
