/**
 * Leaves of the proof tree against the text of the log: each commits to the events up to its version, as a tree of their own. It is
 * computed again only as far as the last leaf goes.
 */
import type { BatchId } from "../domain/identifiers.ts"
import { GrowingTree, leafHash } from "../proof/merkle-tree.ts"
import type { LeafRow } from "./evidence.ts"
import { entryOf, type Finding } from "./finding.ts"

/** A leaf of one batch. */
export type BatchLeaf = Omit<LeafRow, "batch">

export class LeafCheck {
  readonly findings: Array<Finding> = []
  readonly #batch: BatchId
  readonly #tree = new GrowingTree()
  readonly #open: Map<number, BatchLeaf>

  constructor(batch: BatchId, leaves: ReadonlyArray<BatchLeaf>) {
    this.#batch = batch
    this.#open = new Map(leaves.map((leaf) => [leaf.version, leaf]))
  }

  /** Takes the text of the next event of a log that is sound up to it. */
  see(text: string): void {
    if (this.#open.size === 0) return
    this.#tree.add(leafHash(text))
    const version = this.#tree.size
    const leaf = this.#open.get(version)
    if (leaf === undefined) return
    this.#open.delete(version)
    const { root } = this.#tree
    if (!root.equals(leaf.eventsRoot)) this.findings.push(this.#otherEvents(leaf, root))
  }

  #otherEvents({ version, position, eventsRoot }: BatchLeaf, root: Buffer): Finding {
    return {
      kind: "tree-damaged",
      batch: this.#batch,
      entry: entryOf(version),
      expected: `events with the root ${root.toString("base64")} in leaf ${position}`,
      found: eventsRoot.toString("base64"),
      store: "proof tree",
      wrong: "proof tree",
    }
  }
}
