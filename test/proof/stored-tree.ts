/** What the stores and places have of a tree, and whether it is one tree without gaps. */
import { readFileSync } from "node:fs"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { hashOfLeaf } from "../../src/proof/batch-leaf.ts"
import { verifiedNote } from "../../src/proof/checkpoint.ts"
import { GrowingTree, rootPlan } from "../../src/proof/merkle-tree.ts"
import { ProofTree } from "../../src/proof/proof-tree.ts"
import { readRootBody, rootsStreamOf } from "../../src/proof/root-event.ts"
import { leaves, otherSigner, rootsFile, signer, sqlOf } from "./proof-stack.ts"

export const notesInFile = Effect.map(rootsFile, (path) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => readRootBody(line)?.note),
)
export const notesInStream = Effect.gen(function* () {
  const { stream } = (yield* AppConfig).nats
  const { manager } = yield* Nats
  const name = rootsStreamOf(stream)
  const { last_seq: last } = (yield* Effect.promise(() => manager.streams.info(name))).state
  const notes: Array<string | undefined> = []
  for (let seq = 1; seq <= last; seq += 1) {
    const message = yield* Effect.promise(() => manager.streams.getMessage(name, { seq }))
    notes.push(readRootBody(message?.string() ?? "")?.note)
  }
  return notes
})
export const notesStored = Effect.map(
  sqlOf((sql) => sql<Array<{ note: string }>>`select note from proof_roots order by number`),
  (rows) => rows.map(({ note }) => note),
)

/** The stored tree is that of its leaves, without gaps; and each stored root is one of it. */
export const treeIsWhole = Effect.gen(function* () {
  const tree = yield* ProofTree
  const naive = new GrowingTree()
  const roots = new Map([[0, naive.root]])
  for (const [index, { position, events_root: eventsRoot, ...leaf }] of (yield* leaves).entries()) {
    assert.strictEqual(position, index)
    naive.add(hashOfLeaf({ ...leaf, eventsRoot }))
    roots.set(naive.size, naive.root)
  }
  assert.strictEqual(yield* tree.size, naive.size)
  assert.isTrue((yield* tree.compute(rootPlan(naive.size))).equals(naive.root))
  const nodes = yield* sqlOf(
    (sql) => sql<[{ count: number }]>`select count(*)::int as count from proof_nodes`,
  )
  const complete = Array.from({ length: 40 }, (_, level) => Math.floor(naive.size / 2 ** level))
  assert.strictEqual(
    nodes[0]?.count,
    complete.reduce((sum, one) => sum + one, 0),
  )
  for (const note of yield* notesStored) {
    const checkpoint = verifiedNote(note, [signer.publicKey, otherSigner.publicKey])
    assert.isDefined(checkpoint)
    assert.isTrue(roots.get(checkpoint?.size ?? -1)?.equals(checkpoint?.root ?? Buffer.alloc(0)))
  }
})
