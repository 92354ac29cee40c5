import type { Reporter, SerializedError, TestModule } from "vitest/node"

/** Ends the output with "N passed, N failed", and ", N skipped" where some were, alone on a line. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    )
    const count = (state: string) => states.filter((candidate) => candidate === state).length
    // What fails outside of any test, such as a file that cannot be loaded, has failed all the same.
    const outside = modules.filter((module) => module.errors().length > 0).length + unhandled.length
    const skipped = count("skipped") === 0 ? "" : `, ${count("skipped")} skipped`
    process.stdout.write(`\n${count("passed")} passed, ${count("failed") + outside} failed${skipped}\n`)
  }
}
