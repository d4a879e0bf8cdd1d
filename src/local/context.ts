/** The variables that children are made from. `src/config` alone reads the real ones. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface LocalContext {
  /** The project's `.holdfast`: kept state, caches, logs and the records of children. */
  stateDir: string
  environment: Environment
  /** One line of progress for a person. */
  say: (line: string) => void
  /** Where Temporal's CLI is looked for when it has to be downloaded; default Temporal's own place. */
  downloadOrigin?: string
}
