/*
 * A process that owns a stack: `node stack-owner.ts DATA_DIR` starts it, prints one line of JSON with the URLs,
 * and stays until it is stopped.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { startStack } from "../../src/dev/embedded-stack.ts"

const [dataDir = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const stack = yield* startStack({ dataDir, given: {} })
  yield* Console.log(JSON.stringify(stack))
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program))
