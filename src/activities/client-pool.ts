/** One client for each connection, built when first used, and anew after it was dropped or its settings changed. */

export interface ClientPool<Settings extends { name: string }, Client> {
  get(settings: Settings): Client
  /** Closes a client that is broken; the next `get` builds another. A client that was replaced before is left alone. */
  drop(client: Client): Promise<void>
  close(): Promise<void>
}

/**
 * @param close never rejects.
 * @param stampOf of what a client is built with beside its settings, such as the secrets they name.
 */
export function createClientPool<Settings extends { name: string }, Client>(
  build: (settings: Settings) => Client,
  close: (client: Client) => Promise<void>,
  stampOf: (settings: Settings) => string = () => "",
): ClientPool<Settings, Client> {
  const entries = new Map<string, { client: Client; settings: string; stamp: string }>()
  /** Settings are never changed in place, and may be hundreds of kilobytes. */
  const written = new WeakMap<Settings, string>()

  const write = (settings: Settings): string => {
    const text = written.get(settings) ?? JSON.stringify(settings)
    written.set(settings, text)
    return text
  }

  const remove = async (name: string): Promise<void> => {
    const entry = entries.get(name)
    if (!entry) return
    entries.delete(name)
    await close(entry.client)
  }

  return {
    get(settings) {
      const wanted = { settings: write(settings), stamp: stampOf(settings) }
      const entry = entries.get(settings.name)
      if (entry?.settings === wanted.settings && entry.stamp === wanted.stamp) return entry.client
      // Never rejects; what is on its way over the old client ends there.
      void remove(settings.name)
      const client = build(settings)
      entries.set(settings.name, { client, ...wanted })
      return client
    },
    async drop(client) {
      for (const [name, entry] of entries) if (entry.client === client) await remove(name)
    },
    async close() {
      await Promise.all([...entries.keys()].map(remove))
    },
  }
}
