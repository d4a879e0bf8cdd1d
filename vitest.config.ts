import { defineConfig } from "vitest/config"

const servers = "test/helpers/global-setup.ts"

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts"], testTimeout: 20_000 } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          globalSetup: [servers],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: "replay", include: ["test/replay/**/*.test.ts"], testTimeout: 120_000 } },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          globalSetup: [servers],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
