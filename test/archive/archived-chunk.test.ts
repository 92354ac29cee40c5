/** A chunk whose events were changed, with the hashes as they were, is not read. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { CODEC, packed, unpacked } from "../../src/archive/archived-chunk.ts"
import { linked } from "../../src/streams/hash-chain.ts"
import { batchOf } from "../streams/log-under-test.ts"
import { settledStory } from "./archive-stack.ts"

it.effect("an event in the middle of a chunk cannot be changed", () =>
  Effect.gen(function* () {
    const batch = batchOf(1, 1)
    const links = linked(batch, settledStory(1).events)
    const head = links.at(-1)?.hash ?? ""
    const texts = links.map(({ text, hash }) => ({ text, hash }))
    const chunkOf = (all: typeof texts) =>
      Effect.map(packed(all.map(({ text, hash }) => `${text}\n${hash}\n`).join("")), (events) => ({
        ...{ batch, after: 0, version: all.length, base: batch, head, codec: CODEC, events },
      }))
    assert.lengthOf(yield* unpacked(yield* chunkOf(texts)), texts.length)
    const changed = texts.map((one, index) => (index === 2 ? { ...one, text: `${one.text} ` } : one))
    assert.deepInclude(yield* Effect.flip(unpacked(yield* chunkOf(changed))), { entry: "3-0" })
  }),
)
