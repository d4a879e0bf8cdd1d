/** What a flow may be at most (design page "flow language"). */
export const FLOW_LIMITS = {
  tasks: 2_000,
  edges: 10_000,
  /** Of the definition's JSON text, in UTF-8. */
  sourceBytes: 1024 * 1024,
  /** Nesting of the definition's JSON. */
  depth: 32,
  /** Of the packed plan: it travels as an argument of the workflow, which Temporal holds to 2 MiB. */
  planBytes: 512 * 1024,
  /** Of a task's summary in Temporal's UI. */
  summaryBytes: 200,
} as const
