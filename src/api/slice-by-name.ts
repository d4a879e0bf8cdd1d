/** A list that is small and at hand, read in pages like the others. */
import type { Place, Slice } from "../store/queries/slice.ts"

/** @param all in order of their names. */
export function sliceByName<Item extends { name: string }>(all: readonly Item[]) {
  return {
    list: ({ limit, offset, after }: Slice) => {
      const rest = after === null ? all : all.filter(({ name }) => name > after.id)
      return Promise.resolve(rest.slice(offset, offset + limit))
    },
    count: () => Promise.resolve(all.length),
    placeOf: ({ name }: Item): Place => ({ at: "0", id: name }),
    placeId: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
  }
}
