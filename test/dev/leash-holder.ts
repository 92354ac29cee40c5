/* A process that holds a leash: `node leash-holder.ts PROGRAM` runs the shell program and prints its pid. */
import { once } from "node:events"
import { Console, Effect } from "effect"
import { spawnLeashed } from "../../src/dev/leashed-process.ts"

const [program = ""] = process.argv.slice(2)

const hold = Effect.gen(function* () {
  const child = yield* spawnLeashed({
    command: "/bin/sh",
    args: ["-c", program],
    stdout: "pipe",
    stopWithinMs: 500,
  })
  yield* Effect.promise(() => once(child.stdout ?? process.stdin, "data"))
  yield* Console.log(child.pid)
  return yield* Effect.never
})

await Effect.runPromise(Effect.scoped(hold))
