/** The proof tree against itself: leaves without gaps, every stored node, and every signed root, computed again from the leaves. */
import { Effect } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { hashOfLeaf } from "../proof/batch-leaf.ts"
import { GrowingTree, type Node, nodeHash, type Place } from "../proof/merkle-tree.ts"
import { type LeafRow, RecordEvidence, type RootRow } from "./evidence.ts"
import { entryOf, type Finding } from "./finding.ts"

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

/** What is wrong with the tree as a whole; its leaves are compared with their logs batch by batch. */
export const verifyTree = Effect.fn("verifyTree")(function* () {
  const rows = yield* RecordEvidence
  const findings: Array<Finding> = []
  const found = (expected: string, found: string, leaf?: Pick<LeafRow, "batch" | "version">) =>
    findings.push(damage(expected, found, leaf))
  // The size first: leaves are entered together with it, and there may be more by the time they are read.
  const size = yield* rows.treeSize
  const roots = yield* allRoots()
  const tree = new GrowingTree()
  let next = 0
  const compareRoots = () => {
    for (; next < roots.length && (roots[next]?.size ?? 0) <= tree.size; next += 1) {
      const root = roots[next]
      if (root !== undefined && root.size === tree.size && !root.root.equals(tree.root))
        found(
          `root ${tree.root.toString("base64")} of ${root.size} leaves`,
          `root ${root.number}: ${root.root.toString("base64")}`,
        )
    }
  }
  compareRoots()
  for (;;) {
    const page = yield* rows.leaves(tree.size, PAGE)
    const nodes: Array<Node & { readonly leaf: LeafRow }> = []
    for (const leaf of page) {
      if (leaf.position !== tree.size) {
        found(`a leaf ${tree.size}`, `leaf ${leaf.position} after ${tree.size - 1}`, leaf)
        return findings
      }
      for (const node of tree.add(hashOfLeaf(leaf))) nodes.push({ ...node, leaf })
      compareRoots()
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
  for (const { number, size } of roots.slice(next))
    found(`${size} leaves, as root ${number} was signed for`, `${tree.size}`)
  return findings
})

/** Signed roots by size: one a minute at most, and each a few bytes. */
const allRoots = Effect.fnUntraced(function* () {
  const { roots } = yield* RecordEvidence
  const all: Array<RootRow> = []
  for (;;) {
    const page = yield* roots(all.at(-1)?.number ?? 0, PAGE)
    all.push(...page)
    if (page.length < PAGE) return all.toSorted((a, b) => a.size - b.size)
  }
})
