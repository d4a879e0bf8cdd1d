import type { OutputStore } from "../../src/store/output-store.ts"

const refuse = () => Promise.reject(new Error("no large outputs are kept here"))

/** Where none is expected: one that comes all the same fails its call. */
export const NO_OUTPUTS: OutputStore = { keep: refuse, load: refuse }
