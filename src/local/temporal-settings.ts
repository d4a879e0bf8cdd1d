import { SEARCH_ATTRIBUTE_BUSINESS_KEY, SEARCH_ATTRIBUTE_TENANT } from "../contract/messages.ts"

/**
 * What a Temporal server must allow for Holdfast to run well. The defaults are made for many tenants; with a
 * poll rate of 20 per shard, for example, three tasks in a row took 350 ms instead of 34.
 *
 * `matching.enableFairness` stays off: nothing here has a fairness key, and before server 1.32 its reader of a queue
 * can come to a state in which it never loads what waits there (temporalio/temporal 11048).
 */
export const DYNAMIC_CONFIG: Readonly<Record<string, string | number | boolean>> = {
  "history.transferProcessorMaxPollRPS": 10_000,
  "history.timerProcessorMaxPollRPS": 10_000,
  "system.enableActivityEagerExecution": true,
  "matching.useNewMatcher": true,
  "matching.numTaskqueueReadPartitions": 1,
  "matching.numTaskqueueWritePartitions": 1,
  // The development server reads them from its database for every run that it lists or starts; no other server does.
  "system.forceSearchAttributesCacheRefreshOnRead": false,
  "frontend.rps": 100_000,
  "frontend.namespaceRPS": 100_000,
  "frontend.namespaceRPS.visibility": 1_000,
  "frontend.namespaceCount": 100_000,
  "history.rps": 100_000,
  "matching.rps": 100_000,
  "frontend.persistenceMaxQPS": 100_000,
  "history.persistenceMaxQPS": 100_000,
  "matching.persistenceMaxQPS": 100_000,
}

export const SEARCH_ATTRIBUTES: Readonly<Record<string, string>> = {
  [SEARCH_ATTRIBUTE_TENANT]: "Keyword",
  [SEARCH_ATTRIBUTE_BUSINESS_KEY]: "Keyword",
}
