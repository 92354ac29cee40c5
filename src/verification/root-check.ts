/**
 * Signed roots against the keys that signed them: a root is what its note states, by the signature under it, and not what the columns
 * beside the note say. Roots are numbered from 1 without gaps, none has fewer leaves than the one before, and each is the tree's at its size.
 */
import { readNote, verifiedNote } from "../proof/checkpoint.ts"
import type { GrowingTree } from "../proof/merkle-tree.ts"
import type { PublicProofKey } from "../proof/proof-key.ts"
import type { RootRow } from "./evidence.ts"

/** What a root should be, and what it is. */
export interface RootFault {
  readonly expected: string
  readonly found: string
}

export class RootCheck {
  readonly #keys: ReadonlyArray<PublicProofKey>
  #number = 0

  constructor(keys: ReadonlyArray<PublicProofKey>) {
    this.#keys = keys
  }

  /** What is wrong with the next root by number. The tree has grown to its size, or has fewer leaves and grows no more. */
  *see(row: RootRow, tree: GrowingTree): Generator<RootFault> {
    const { number, size, root } = row
    if (number !== this.#number + 1) yield { expected: `root ${this.#number + 1}`, found: `root ${number}` }
    this.#number = number
    if (size > tree.size)
      yield { expected: `${size} leaves, as root ${number} was signed for`, found: `${tree.size}` }
    else if (size < tree.size)
      yield { expected: `no fewer leaves under root ${number} than under those before it`, found: `${size}` }
    else if (!root.equals(tree.root))
      yield {
        expected: `root ${tree.root.toString("base64")} of ${size} leaves`,
        found: `root ${number}: ${root.toString("base64")}`,
      }
    if (verifiedNote(row.note, this.#keys) === undefined)
      yield { expected: `root ${number} signed by a known key`, found: "a note that none of them signed" }
    else if (!isAsStated(row))
      yield {
        expected: `root ${number} as its note states it`,
        found: "another number, origin, size, root, time or key beside the note",
      }
  }
}

const isAsStated = ({ note, number, origin, size, root, at, keyId }: RootRow): boolean => {
  const read = readNote(note)
  if (read === undefined) return false
  const { checkpoint: stated } = read
  return (
    read.keyId === keyId &&
    stated.number === number &&
    stated.origin === origin &&
    stated.size === size &&
    stated.root.equals(root) &&
    stated.at === at
  )
}
