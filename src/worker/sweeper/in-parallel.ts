/** Runs `work` over all items, at most `width` at once. Waits for all, then throws the first error. */
export async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const errors: unknown[] = []
  const lane = async () => {
    for (const item of waiting) {
      try {
        await work(item)
      } catch (thrown) {
        errors.push(thrown)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
  if (errors.length > 0) throw errors[0]
}
