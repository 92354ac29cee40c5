/** The proof tree against itself: leaves without gaps, every stored node, and every signed root, computed again from the leaves. */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { hashOfLeaf } from "../proof/batch-leaf.ts"
import { GrowingTree, type Node, nodeHash, type Place } from "../proof/merkle-tree.ts"
import { type PublicProofKey, readPublicKey } from "../proof/proof-key.ts"
import { type LeafRow, RecordEvidence, type RootRow } from "./evidence.ts"
import { entryOf, type Finding } from "./finding.ts"
import { RootCheck } from "./root-check.ts"

const PAGE = 1_000

const damage = (expected: string, found: string, leaf?: Pick<LeafRow, "batch" | "version">): Finding => ({
  kind: "tree-damaged",
  batch: leaf?.batch,
  entry: leaf === undefined ? undefined : entryOf(leaf.version),
  expected,
  found,
  store: "proof tree",
  wrong: "proof tree",
})

/**
 * What is wrong with the way from some batches' leaves to the roots of the complete subtrees that they are in: each hash on it is computed
 * again from the two below it.
 */
export const verifyLeaves = Effect.fn("verifyLeaves")(function* (batches: ReadonlyArray<BatchId>) {
  const rows = yield* RecordEvidence
  const size = yield* rows.treeSize
  const findings: Array<Finding> = []
  for (const leaf of yield* rows.leavesOf(batches)) {
    const ways: Array<Place> = [{ level: 0, position: leaf.position }]
    for (let level = 1; ; level += 1) {
      const position = Math.floor(leaf.position / 2 ** level)
      if ((position + 1) * 2 ** level > size) break
      const below = Math.floor(leaf.position / 2 ** (level - 1))
      ways.push({ level: level - 1, position: below ^ 1 }, { level, position })
    }
    const stored = yield* rows.nodes(ways)
    let hash = hashOfLeaf(leaf)
    for (let at = 0; at < ways.length; at += 2) {
      if (at > 0) {
        const [beside, place] = [stored[at - 1], ways[at - 1]]
        if (beside === undefined) {
          findings.push(damage(`node ${place?.level}/${place?.position}`, "none", leaf))
          break
        }
        hash = (place?.position ?? 0) % 2 === 0 ? nodeHash(beside, hash) : nodeHash(hash, beside)
      }
      if (stored[at]?.equals(hash) === true) continue
      const { level, position } = ways[at] ?? {}
      findings.push(
        damage(
          `node ${level}/${position} with ${hash.toString("base64")}`,
          stored[at]?.toString("base64") ?? "none",
          leaf,
        ),
      )
      break
    }
  }
  return findings
})

/**
 * Tells what is wrong with the tree as a whole; its leaves are compared with their logs batch by batch. Roots count if one of the given
 * keys signed them, or without any, one of those that are stored beside them.
 */
export const verifyTree = Effect.fn("verifyTree")(function* (
  tell: (findings: ReadonlyArray<Finding>) => void,
  trusted: ReadonlyArray<PublicProofKey> = [],
) {
  const rows = yield* RecordEvidence
  const found = (expected: string, found: string, leaf?: Pick<LeafRow, "batch" | "version">) =>
    tell([damage(expected, found, leaf)])
  // The roots first, then the size: what they were signed for, and what was entered with it, is there by the time leaves are read.
  const lastRoot = yield* rows.lastRoot
  const keys = trusted.length > 0 ? trusted : (yield* rows.keys).flatMap((key) => readPublicKey(key) ?? [])
  const size = yield* rows.treeSize
  const roots = new RootPages(lastRoot)
  const check = new RootCheck(keys)
  const tree = new GrowingTree()
  const compareRoots = Effect.fnUntraced(function* () {
    for (let root = yield* roots.upTo(tree.size); root !== undefined; root = yield* roots.upTo(tree.size))
      for (const { expected, found: instead } of check.see(root, tree)) found(expected, instead)
  })
  yield* compareRoots()
  for (;;) {
    const page = yield* rows.leaves(tree.size, PAGE)
    const nodes: Array<Node & { readonly leaf: LeafRow }> = []
    for (const leaf of page) {
      if (leaf.position !== tree.size)
        return found(`a leaf ${tree.size}`, `leaf ${leaf.position} after ${tree.size - 1}`, leaf)
      for (const node of tree.add(hashOfLeaf(leaf))) nodes.push({ ...node, leaf })
      if (roots.mayBeUpTo(tree.size)) yield* compareRoots()
    }
    const stored = yield* rows.nodes(nodes)
    for (const [index, { level, position, hash, leaf }] of nodes.entries())
      if (stored[index]?.equals(hash) !== true)
        found(
          `node ${level}/${position} with ${hash.toString("base64")}`,
          stored[index]?.toString("base64") ?? "none",
          leaf,
        )
    if (page.length < PAGE) break
  }
  if (tree.size < size) found(`${size} leaves`, `${tree.size}`)
  const sizeNow = yield* rows.treeSize
  if (sizeNow < tree.size) found(`a size of ${tree.size} leaves or more`, `${sizeNow}`)
  for (let root = yield* roots.upTo(Infinity); root !== undefined; root = yield* roots.upTo(Infinity))
    for (const { expected, found: instead } of check.see(root, tree)) found(expected, instead)
})

/** Signed roots by number up to the last one, a page at a time: one a minute at most, for years. */
class RootPages {
  readonly #last: number
  #page: ReadonlyArray<RootRow> = []
  #next = 0
  #read = 0

  constructor(last: number) {
    this.#last = last
  }

  /** Whether the next root may have so many leaves or fewer: not, if it is known to have more, or there is none. */
  mayBeUpTo(size: number): boolean {
    const root = this.#page[this.#next]
    return root === undefined ? this.#read < this.#last : root.size <= size
  }

  /** Takes the next root, if it has so many leaves or fewer. */
  readonly upTo = Effect.fnUntraced({ self: this }, function* (size: number) {
    if (this.#page[this.#next] === undefined && this.#read < this.#last) {
      const page = yield* (yield* RecordEvidence).roots(this.#read, PAGE)
      this.#page = page.filter(({ number }) => number <= this.#last)
      this.#next = 0
      this.#read = page.at(-1)?.number ?? this.#last
    }
    const root = this.#page[this.#next]
    if (root === undefined || root.size > size) return undefined
    this.#next += 1
    return root
  })
}
