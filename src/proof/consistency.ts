/** That two sizes of the tree are of one history. */
import { Effect, Schema } from "effect"
import { consistencyPlan, type Hash, isConsistent, rootPlan } from "./merkle-tree.ts"
import { ProofTree } from "./proof-tree.ts"

const SizedRoot = Schema.Struct({ size: Schema.Int, root: Schema.String })

export const ConsistencyProof = Schema.Struct({
  from: SizedRoot.annotate({ description: "The older tree." }),
  to: SizedRoot.annotate({ description: "The newer tree." }),
  proof: Schema.Array(Schema.String).annotate({
    description:
      "The hashes of RFC 9162, 2.1.4, in base64. Compare the roots with the signed ones that you keep.",
  }),
}).annotate({ identifier: "ConsistencyProof", description: "The newer tree begins with the older one." })
export type ConsistencyProof = typeof ConsistencyProof.Type

/** A size that the tree does not have, or has not yet. */
export class NoSuchSize extends Schema.TaggedError<NoSuchSize>()("NoSuchSize", { size: Schema.Int }) {
  override get message() {
    return `the tree has ${this.size} leaves`
  }
}

const textOf = (hash: Hash): string => hash.toString("base64")

/** Proves that the tree of `to` leaves begins with that of `from`. Fails with {@link NoSuchSize} if it is not 0 ≤ from ≤ to ≤ size. */
export const proveConsistency = Effect.fn("proveConsistency")(function* (from: number, to: number) {
  const tree = yield* ProofTree
  const size = yield* tree.size
  if (from < 0 || from > to || to > size) return yield* new NoSuchSize({ size })
  const older = rootPlan(from)
  const newer = rootPlan(to)
  const growth = consistencyPlan(from, to)
  return yield* tree.compute({
    places: [...older.places, ...newer.places, ...growth.places],
    result: (hashOf): ConsistencyProof => ({
      from: { size: from, root: textOf(older.result(hashOf)) },
      to: { size: to, root: textOf(newer.result(hashOf)) },
      proof: growth.result(hashOf).map(textOf),
    }),
  })
})

/** Whether a proof of consistency holds. The roots in it still have to be compared with signed ones. */
export const holds = ({ from, to, proof }: ConsistencyProof): boolean => {
  const hashIn = (text: string) => Buffer.from(text, "base64")
  return isConsistent(
    { size: from.size, root: hashIn(from.root) },
    { size: to.size, root: hashIn(to.root) },
    proof.map(hashIn),
  )
}
