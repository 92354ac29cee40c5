import { defineConfig } from "vitest/config"

/** Tests that start clusters of their own and wait for failovers; `npm run test:cluster` runs them one by one. */
export default defineConfig({
  test: {
    include: ["test/cluster/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    globalSetup: ["test/stack.ts"],
    reporters: ["default", "./test/closing-line-reporter.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
  },
})
