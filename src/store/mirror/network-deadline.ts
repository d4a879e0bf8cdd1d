/** Longer than the server's own statement timeout: only a dead network gets here. */
const NETWORK_DEADLINE_MS = 30_000

/** @param work is to tell of each answer of Postgres: many that are slow are no dead network. */
export async function withNetworkDeadline(work: (onAnswer: () => void) => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    const error = () => new Error(`Postgres did not answer for ${NETWORK_DEADLINE_MS / 1000} s`)
    timer = setTimeout(() => reject(error()), NETWORK_DEADLINE_MS)
  })
  try {
    await Promise.race([work(() => timer?.refresh()), deadline])
  } finally {
    clearTimeout(timer)
  }
}
