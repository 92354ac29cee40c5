/** A large tree is entered page by page, and signed and proved from a few of its nodes. A long run enters 1,000,000 leaves and prints figures. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { hashOfLeaf } from "../../src/proof/batch-leaf.ts"
import { grown, HEADS_PER_STATEMENT } from "../../src/proof/entering.ts"
import { proveItem } from "../../src/proof/item-proof.ts"
import {
  inclusionPlan,
  leafHash,
  placesOfRoot,
  rootByInclusion,
  rootPlan,
} from "../../src/proof/merkle-tree.ts"
import { ProofTree } from "../../src/proof/proof-tree.ts"
import { signRoot } from "../../src/proof/signing.ts"
import { isLong, lengthOf } from "../length.ts"
import { closedLife, proofStack, round, signer } from "./proof-stack.ts"

const LEAVES = lengthOf({ full: 1_000_000, short: 6_000 })
const EVENTS_ROOT = leafHash("events")

const leafAt = (position: number) => ({
  batch: `pb_${String(position).padStart(22, "a")}`,
  version: 1,
  head: "h".repeat(43),
  eventsRoot: EVENTS_ROOT,
})

const report = (what: string, ms: number) => {
  if (isLong) process.stdout.write(`${what}: ${ms.toFixed(1)} ms\n`)
}

const timed = Effect.fnUntraced(function* <A, E, R>(what: string, effect: Effect.Effect<A, E, R>) {
  const began = performance.now()
  const result = yield* effect
  report(what, performance.now() - began)
  return result
})

const enterAll = Effect.gen(function* () {
  const tree = yield* ProofTree
  yield* tree.takeTurn("a test", 1)
  for (let size = 0; size < LEAVES; size += HEADS_PER_STATEMENT) {
    const leaves = Array.from({ length: HEADS_PER_STATEMENT }, (_, index) => leafAt(size + index))
    const places = placesOfRoot(size)
    const edge = yield* tree.compute({ places, result: (hashOf) => places.map(hashOf) })
    assert.isTrue(yield* tree.enter(size, leaves, grown(size, edge, leaves)))
  }
})

layer(proofStack, { excludeTestServices: true, timeout: "20 minutes" })("a large tree", (it) => {
  it.effect(
    "is signed, and proves any of its leaves",
    () =>
      Effect.gen(function* () {
        const tree = yield* ProofTree
        yield* timed(`entering ${LEAVES} leaves`, enterAll)
        const signed = yield* timed("signing", signRoot(signer))
        assert.strictEqual(signed?.size, LEAVES)
        const root = yield* tree.compute(rootPlan(LEAVES))
        for (const position of [0, 1, LEAVES / 2, LEAVES - 1]) {
          const proof = yield* timed("a path", tree.compute(inclusionPlan(position, LEAVES)))
          assert.isTrue(rootByInclusion(hashOfLeaf(leafAt(position)), position, LEAVES, proof)?.equals(root))
        }
        const batch: BatchId = yield* closedLife(8)
        yield* timed("a round", round())
        const proof = yield* timed("a proof of an item", proveItem(batch, 8, "partner"))
        if (isLong) process.stdout.write(`${JSON.stringify(proof).length} bytes of proof\n`)
      }),
    20 * 60_000,
  )
})
