/**
 * What the tree has of a batch. A leaf is five lines, each ended by a line feed: what it is, the id of the batch, a version of its log, the
 * link of the log's hash chain there, and the root of the tree of the log's events up to that version, in base64. An event is a leaf of that
 * tree as its text is in the log, in UTF-8.
 */
import { type Hash, leafHash } from "./merkle-tree.ts"

/** The first line of a leaf. Another form of leaf would have another. */
export const LEAF_FORM = "atlaspay-batch/v1"

/** A batch up to a version, as a leaf commits to it. */
export interface BatchLeaf {
  readonly batch: string
  readonly version: number
  /** The link of the log's hash chain at the version (streams/hash-chain.ts). */
  readonly head: string
  /** The root of the tree of the events 1 to `version`. */
  readonly eventsRoot: Hash
}

/** The text of a leaf. */
export const leafText = ({ batch, version, head, eventsRoot }: BatchLeaf): string =>
  `${LEAF_FORM}\n${batch}\n${version}\n${head}\n${eventsRoot.toString("base64")}\n`

/** The hash of a leaf. */
export const hashOfLeaf = (leaf: BatchLeaf): Hash => leafHash(leafText(leaf))
