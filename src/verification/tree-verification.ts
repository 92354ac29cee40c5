/** The proof tree against itself: leaves without gaps, every stored node, and every signed root, computed again from the leaves. */
import { Effect } from "effect"
import { hashOfLeaf } from "../proof/batch-leaf.ts"
import { GrowingTree, type Node } from "../proof/merkle-tree.ts"
import { RecordEvidence, type RootRow } from "./evidence.ts"
import type { Finding } from "./finding.ts"

const PAGE = 1_000

/** What is wrong with the tree as a whole; its leaves are compared with their logs batch by batch. */
export const verifyTree = Effect.fn("verifyTree")(function* () {
  const rows = yield* RecordEvidence
  const findings: Array<Finding> = []
  const found = (expected: string, found: string, batch?: string, version?: number) =>
    findings.push({
      kind: "tree-damaged",
      batch,
      entry: version === undefined ? undefined : `${version}-0`,
      expected,
      found,
      store: "proof tree",
      wrong: "proof tree",
    })
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
    const nodes: Array<Node & { readonly batch: string; readonly version: number }> = []
    for (const leaf of page) {
      if (leaf.position !== tree.size) {
        found(`a leaf ${tree.size}`, `leaf ${leaf.position} after ${tree.size - 1}`, leaf.batch, leaf.version)
        return findings
      }
      for (const node of tree.add(hashOfLeaf(leaf)))
        nodes.push({ ...node, batch: leaf.batch, version: leaf.version })
      compareRoots()
    }
    const stored = yield* rows.nodes(nodes)
    for (const [index, { level, position, hash, batch, version }] of nodes.entries())
      if (stored[index]?.equals(hash) !== true)
        found(
          `node ${level}/${position} with ${hash.toString("base64")}`,
          stored[index]?.toString("base64") ?? "none",
          batch,
          version,
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
