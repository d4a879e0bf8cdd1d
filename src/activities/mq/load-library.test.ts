import { describe, expect, test } from "vitest"
import { loadLibrary } from "./load-library.ts"

describe("loadLibrary()", () => {
  test("says what to install when it is missing", async () => {
    const name = "a-package-that-nobody-has"
    await expect(loadLibrary(() => import(name), name)).rejects.toMatchObject({
      code: "driver_missing",
      message: expect.stringContaining(`npm install ${name}`),
    })
  })

  test("hands on what else goes wrong, and what it loads", async () => {
    await expect(loadLibrary(() => Promise.reject(new Error("broken")), "x")).rejects.toThrow("broken")
    expect(await loadLibrary(() => Promise.resolve(7), "x")).toBe(7)
  })
})
