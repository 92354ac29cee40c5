import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Failovers take their time: `npm run test:cluster`.
    exclude: ["test/cluster/**"],
    pool: "forks",
    maxWorkers: 2,
    globalSetup: ["test/stack.ts"],
    reporters: ["default", "./test/closing-line-reporter.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Stopping the servers and looking for processes that were left takes its time on a busy machine.
    teardownTimeout: 60_000,
  },
})
