import { defineConfig } from "vitest/config"

/** Tests of running the service: failovers, upgrades, alerts, images. `npm run test:ops` runs them one by one. */
export default defineConfig({
  test: {
    include: ["test/ops/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    globalSetup: ["test/stack.ts"],
    reporters: ["default", "./test/closing-line-reporter.ts"],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
  },
})
