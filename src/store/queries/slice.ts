/** Which part of a list a query reads. One of `offset` and `after` is in use. */
export interface Slice {
  limit: number
  offset: number
  after: Place | null
}

/** The last row of the page before, in list order. */
export interface Place {
  /** Microseconds since the epoch. */
  at: string
  id: string
}
