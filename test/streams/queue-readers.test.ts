/** The connection of a worker's reads. The client is replaced by one that says which commands it was given. */
import { EventEmitter } from "node:events"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Reader } from "../../src/platform/redis.ts"
import { queuePart } from "../../src/streams/queue-readers-redis.ts"

/** A part of the run queue whose connections have these numbers, one after the other; and the commands that were given. */
const partOn = (numbers: ReadonlyArray<number>) => {
  const given: Array<string> = []
  const left = [...numbers]
  const client = Object.assign(new EventEmitter(), {
    isCluster: false,
    client: async (what: string, number?: number) => {
      given.push([what, number ?? []].flat().join(" "))
      if (what !== "ID") return 1
      return left[0] ?? Promise.reject(new Error("NOPERM"))
    },
    xreadgroup: async () => null,
  })
  const lose = () => {
    left.shift()
    client.emit("close")
  }
  const reader = { client, keys: ["ready"] } as unknown as Reader
  return { part: queuePart(reader, 1, reader.client), lose, given }
}

it.effect(
  "asks each connection for its number once, so that a wait of the one that is there now can be ended",
  () =>
    Effect.gen(function* () {
      const { part, lose, given } = partOn([7, 9])
      yield* part.endWait
      assert.deepStrictEqual(given, [], "nobody waits yet")
      yield* part.take("w", 4, 1_000)
      yield* part.take("w", 4, 1_000)
      yield* part.endWait
      assert.deepStrictEqual(given, ["ID", "UNBLOCK 7"])
      lose()
      yield* part.endWait
      assert.deepStrictEqual(given, ["ID", "UNBLOCK 7"], "7 may be the number of somebody else by now")
      yield* part.take("w", 4, 1_000)
      yield* part.endWait
      assert.deepStrictEqual(given, ["ID", "UNBLOCK 7", "ID", "UNBLOCK 9"])
    }),
)

it.effect("reads also where it may not ask for the number", () =>
  Effect.gen(function* () {
    const { part, given } = partOn([])
    assert.deepStrictEqual(yield* part.take("w", 4, 1_000), [])
    yield* part.endWait
    assert.deepStrictEqual(given, ["ID"])
  }),
)
