/** A proof tree of five leaves that is forgotten with the test. It has no batch that an API under test knows. */
import { Effect, Layer } from "effect"
import { hashOfLeaf } from "../../src/proof/batch-leaf.ts"
import { signedNote } from "../../src/proof/checkpoint.ts"
import { carriedOut, GrowingTree, type Hash, leafHash, placeKey } from "../../src/proof/merkle-tree.ts"
import { signerOf } from "../../src/proof/proof-key.ts"
import { ProofRoots } from "../../src/proof/proof-roots.ts"
import { ProofTree } from "../../src/proof/proof-tree.ts"

const LEAVES = 5
const signer = signerOf(`prsk_${Buffer.alloc(32, 9).toString("base64")}`, "atlaspay.test/proof")

const tree = new GrowingTree()
const nodes = new Map<string, Hash>()
for (let version = 1; version <= LEAVES; version += 1) {
  const leaf = hashOfLeaf({ batch: `pb_${"a".repeat(22)}`, version, head: "h", eventsRoot: leafHash("e") })
  for (const node of tree.add(leaf)) nodes.set(placeKey(node), node.hash)
}
const { name: origin, keyId } = signer.publicKey
const checkpoint = { origin, size: LEAVES, root: tree.root, number: 1, at: Date.UTC(2026, 10, 28) }

export const proofsInMemory = Layer.merge(
  Layer.mock(ProofTree, {
    size: Effect.succeed(LEAVES),
    compute: (plan) => Effect.sync(() => carriedOut(plan, nodes)),
    leafOf: () => Effect.undefined,
  }),
  Layer.mock(ProofRoots, {
    published: Effect.succeed({ ...checkpoint, keyId, note: signedNote(checkpoint, signer) }),
    keys: Effect.succeed([signer.publicKey]),
  }),
)
