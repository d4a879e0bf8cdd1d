import { defineConfig } from "vitest/config"

// The servers start beside the first group; the groups that need them wait for them.
const servers = {
  globalSetup: ["test/helpers/global-setup.ts"],
  setupFiles: ["test/helpers/await-servers.ts"],
}

// Started by `guard-namespace.test.ts` within a network namespace of its own, and by nothing else.
const namespace = {
  test: { name: "namespace", include: ["src/**/guard-namespace.testsuite.ts"], testTimeout: 20_000 },
}

export default defineConfig({
  test: {
    projects: [
      ...(process.env.HOLDFAST_TEST_NAMESPACE === "1" ? [namespace] : []),
      { test: { name: "unit", include: ["{src,bench}/**/*.test.ts"], testTimeout: 20_000 } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          ...servers,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "replay",
          include: ["test/replay/**/*.test.ts"],
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          ...servers,
          sequence: { groupOrder: 3 },
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
