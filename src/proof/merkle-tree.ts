/**
 * Merkle trees as Certificate Transparency has them (RFC 9162, section 2.1): hashes of leaves and nodes are told apart, inclusion of a
 * leaf and consistency of two sizes are proved by a few hashes. All of it is pure. A tree is stored as the hashes of its complete
 * subtrees, which never change again: any root or proof is computed from some 2 · log2(n) of them.
 */
import { hash } from "node:crypto"

/** SHA-256, 32 bytes. */
export type Hash = Buffer

/** A complete subtree: that of the leaves from `position * 2^level` on. On level 0 it is a leaf. */
export interface Place {
  readonly level: number
  readonly position: number
}

/** A complete subtree and its hash. */
export interface Node extends Place {
  readonly hash: Hash
}

/** The leaves from `begin` on, before `end`. */
interface Range {
  readonly begin: number
  readonly end: number
}

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

const sha256 = (...parts: ReadonlyArray<Uint8Array>): Hash => hash("sha256", Buffer.concat(parts), "buffer")

/** The root of a tree without leaves: the hash of nothing. */
export const emptyRoot: Hash = sha256()

/** The hash of a leaf, from its bytes, or its text in UTF-8. */
export const leafHash = (leaf: Uint8Array | string): Hash =>
  sha256(LEAF, typeof leaf === "string" ? Buffer.from(leaf) : leaf)

/** The hash of a node, from those of its children. */
export const nodeHash = (left: Hash, right: Hash): Hash => sha256(NODE, left, right)

/** A tree that leaves are added to, of which only the complete subtrees at its right edge are kept: at most log2(n) hashes. */
export class GrowingTree {
  #size: number
  /** From left to right, the largest first. */
  readonly #edge: Array<Hash>

  /** An empty tree, or one of a size whose complete subtrees are {@link placesOfRoot}, in that order. */
  constructor(size = 0, edge: ReadonlyArray<Hash> = []) {
    if (placesOfRoot(size).length !== edge.length) throw new Error("a tree of this size has another edge")
    this.#size = size
    this.#edge = [...edge]
  }

  get size(): number {
    return this.#size
  }

  get root(): Hash {
    return joined(this.#edge)
  }

  /** The complete subtrees at its right edge: {@link placesOfRoot} with their hashes. */
  get edge(): ReadonlyArray<Node> {
    return placesOfRoot(this.#size).flatMap((place, index) => {
      const whole = this.#edge[index]
      return whole === undefined ? [] : [{ ...place, hash: whole }]
    })
  }

  /** Adds a leaf by its hash. Gives the subtrees that are complete with it, from the leaf upwards. */
  add(leaf: Hash): ReadonlyArray<Node> {
    const nodes: Array<Node> = [{ level: 0, position: this.#size, hash: leaf }]
    let [level, position, whole] = [0, this.#size, leaf]
    while (position % 2 === 1) {
      const left = this.#edge.pop()
      if (left === undefined) throw new Error("the edge of the tree ended")
      whole = nodeHash(left, whole)
      level += 1
      position = (position - 1) / 2
      nodes.push({ level, position, hash: whole })
    }
    this.#edge.push(whole)
    this.#size += 1
    return nodes
  }
}

/** The hash of neighbouring subtrees from left to right, each smaller than the one before. */
const joined = (hashes: ReadonlyArray<Hash>): Hash => {
  const last = hashes.at(-1)
  if (last === undefined) return emptyRoot
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last)
}

/** The largest power of two that is smaller than a number of leaves of two or more. */
const splitOf = (leaves: number): number => {
  let power = 1
  while (power * 2 < leaves) power *= 2
  return power
}

/** The complete subtrees that a range consists of, from left to right. It begins where the tree has a node of its length or more. */
const placesIn = ({ begin, end }: Range): ReadonlyArray<Place> => {
  const places: Array<Place> = []
  let from = begin
  while (from < end) {
    let [level, leaves] = [0, 1]
    while (leaves * 2 <= end - from) {
      leaves *= 2
      level += 1
    }
    places.push({ level, position: from / leaves })
    from += leaves
  }
  return places
}

/** The complete subtrees whose hashes make the root of a tree. */
export const placesOfRoot = (size: number): ReadonlyArray<Place> => placesIn({ begin: 0, end: size })

/** The ranges whose hashes prove that a leaf is in a tree (RFC 9162, 2.1.3.1), from the leaf upwards. */
const inclusionRanges = (position: number, size: number): ReadonlyArray<Range> => {
  const ranges: Array<Range> = []
  let [begin, end] = [0, size]
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin)
    if (position < middle) {
      ranges.push({ begin: middle, end })
      end = middle
    } else {
      ranges.push({ begin, end: middle })
      begin = middle
    }
  }
  return ranges.reverse()
}

/** The ranges whose hashes prove that a tree begins with one of `from` leaves (RFC 9162, 2.1.4.1), from below upwards. */
const consistencyRanges = (from: number, size: number): ReadonlyArray<Range> => {
  if (from === 0 || from === size) return []
  const ranges: Array<Range> = []
  let [begin, end] = [0, size]
  while (from !== end) {
    const middle = begin + splitOf(end - begin)
    if (from <= middle) {
      ranges.push({ begin: middle, end })
      end = middle
    } else {
      ranges.push({ begin, end: middle })
      begin = middle
    }
  }
  // The smaller tree itself is known to who verifies; a part of it is not.
  if (begin > 0) ranges.push({ begin, end })
  return ranges.reverse()
}

/**
 * Proofs of inclusion of some leaves in a tree of a known size, while its leaves come one after another. It keeps the hashes that these
 * proofs need, and no others: what a proof needs left of its leaf is at the edge of the tree when the leaf comes.
 */
export class Inclusions {
  readonly #size: number
  readonly #tree = new GrowingTree()
  readonly #hashes = new Map<string, Hash>()
  readonly #awaited = new Set<string>()

  /** For a tree that will have so many leaves. */
  constructor(size: number) {
    this.#size = size
  }

  get root(): Hash {
    return this.#tree.root
  }

  /** How many hashes it keeps, or waits for. */
  get kept(): number {
    return this.#hashes.size + this.#awaited.size
  }

  /** Takes the next leaf by its hash, and whether its proof will be asked for. */
  add(leaf: Hash, isWanted: boolean): void {
    if (isWanted) {
      for (const node of this.#tree.edge) this.#hashes.set(placeKey(node), node.hash)
      const right = inclusionPlan(this.#tree.size, this.#size).places
      for (const place of right) this.#awaited.add(placeKey(place))
    }
    for (const node of this.#tree.add(leaf)) {
      const key = placeKey(node)
      if (this.#awaited.delete(key)) this.#hashes.set(key, node.hash)
    }
  }

  /** The proof of a leaf that was wanted, once the tree has its size. */
  proof(position: number): ReadonlyArray<Hash> {
    return carriedOut(inclusionPlan(position, this.#size), this.#hashes)
  }
}

/** What a root or a proof is computed from: the places whose hashes it needs, and what it makes of them. */
export interface Plan<A> {
  readonly places: ReadonlyArray<Place>
  /** From the hash of each place. */
  readonly result: (hashOf: (place: Place) => Hash) => A
}

const planOf = (ranges: ReadonlyArray<Range>): Plan<ReadonlyArray<Hash>> => {
  const places = ranges.map(placesIn)
  return {
    places: places.flat(),
    result: (hashOf) => places.map((of) => joined(of.map(hashOf))),
  }
}

/** The root of the first `size` leaves. */
export const rootPlan = (size: number): Plan<Hash> => {
  const places = placesOfRoot(size)
  return { places, result: (hashOf) => joined(places.map(hashOf)) }
}

/** The proof that the leaf at a position is in the tree of the first `size` leaves. The position is smaller than the size. */
export const inclusionPlan = (position: number, size: number): Plan<ReadonlyArray<Hash>> =>
  planOf(inclusionRanges(position, size))

/** The proof that the tree of the first `size` leaves begins with that of the first `from`. `from` is not larger. */
export const consistencyPlan = (from: number, size: number): Plan<ReadonlyArray<Hash>> =>
  planOf(consistencyRanges(from, size))

/** The name of a place, as a key of a map. */
export const placeKey = ({ level, position }: Place): string => `${level}/${position}`

/** Carries out a plan on a map of hashes by {@link placeKey}. Throws if one is missing. */
export const carriedOut = <A>(plan: Plan<A>, hashes: ReadonlyMap<string, Hash>): A =>
  plan.result((place) => {
    const found = hashes.get(placeKey(place))
    if (found === undefined) throw new Error(`the tree has no node ${placeKey(place)}`)
    return found
  })

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/**
 * The root of a tree of `size` leaves that has a leaf with this hash at a position, by a proof of inclusion (RFC 9162, 2.1.3.2).
 * Nothing if the proof is not one of that position and size.
 */
export const rootByInclusion = (
  leaf: Hash,
  position: number,
  size: number,
  proof: ReadonlyArray<Hash>,
): Hash | undefined => {
  if (!isSize(position) || !isSize(size) || position >= size) return undefined
  let [node, last, root] = [position, size - 1, leaf]
  for (const sibling of proof) {
    if (last === 0) return undefined
    if (node % 2 === 1 || node === last) {
      root = nodeHash(sibling, root)
      while (node % 2 === 0 && node !== 0) {
        node /= 2
        last = Math.floor(last / 2)
      }
    } else root = nodeHash(root, sibling)
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 ? root : undefined
}

/** A root and the number of leaves under it. */
export interface SizedRoot {
  readonly size: number
  readonly root: Hash
}

/** Whether a proof shows that the newer tree begins with the older one (RFC 9162, 2.1.4.2). Every tree begins with the empty one. */
export const isConsistent = (older: SizedRoot, newer: SizedRoot, proof: ReadonlyArray<Hash>): boolean => {
  if (!isSize(older.size) || !isSize(newer.size) || older.size > newer.size) return false
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root)
  if (older.size === 0) return proof.length === 0 && older.root.equals(emptyRoot)
  let [node, last] = [older.size - 1, newer.size - 1]
  while (node % 2 === 1) {
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  // A smaller tree that is a node of the larger one is its own first hash.
  const [first, ...others] = node === 0 ? [older.root, ...proof] : proof
  if (first === undefined || others.length === 0) return false
  let [olderRoot, newerRoot] = [first, first]
  for (const sibling of others) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      olderRoot = nodeHash(sibling, olderRoot)
      newerRoot = nodeHash(sibling, newerRoot)
      while (node % 2 === 0 && node !== 0) {
        node /= 2
        last = Math.floor(last / 2)
      }
    } else newerRoot = nodeHash(newerRoot, sibling)
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && olderRoot.equals(older.root) && newerRoot.equals(newer.root)
}
