import { defineConfig } from "vitest/config"
import { PATIENCE_MS } from "./test/patience.ts"
import SlowestFirst from "./test/slowest-first.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Failovers and releases side by side take their time: `npm run test:cluster` and `test:ops`.
    exclude: ["test/cluster/**", "test/ops/**"],
    pool: "forks",
    // Many files wait for processes and for time: with three workers on two cores, two fifths of both stood still.
    maxWorkers: 4,
    // Files share workers, and so what they import: a third of the time of the tests' own processes. test/tidy.test.ts
    // has the rule for modules that files share.
    isolate: false,
    sequence: { sequencer: SlowestFirst },
    globalSetup: ["test/stack.ts"],
    reporters: ["default", "./test/closing-line-reporter.ts"],
    // A start of the service may take a minute on a machine that is busy with other things.
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // Stopping the servers and looking for processes that were left takes its time on a busy machine.
    teardownTimeout: 60_000,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
})
