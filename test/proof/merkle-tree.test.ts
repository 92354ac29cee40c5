/** Trees against a naive one that follows the definitions of RFC 9162 word by word, and against the vectors that CT implementations share. */
import { describe, expect, it } from "vitest"
import {
  carriedOut,
  consistencyPlan,
  emptyRoot,
  GrowingTree,
  type Hash,
  Inclusions,
  inclusionPlan,
  isConsistent,
  leafHash,
  type Node,
  nodeHash,
  placeKey,
  placesOfRoot,
  rootByInclusion,
  rootPlan,
} from "../../src/proof/merkle-tree.ts"

const SIZES = 200
const hex = (text: string): Buffer => Buffer.from(text, "hex")

/** The leaves of the vectors of certificate-transparency-go and of trillian's merkle tests. */
const vectorLeaves = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((text) => leafHash(hex(text)))

const vectorRoots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

const treeOf = (leaves: ReadonlyArray<Hash>) => {
  const tree = new GrowingTree()
  const nodes = new Map<string, Hash>()
  const roots = [tree.root]
  for (const leaf of leaves) {
    for (const node of tree.add(leaf)) nodes.set(placeKey(node), node.hash)
    roots.push(tree.root)
  }
  return { nodes, roots }
}

/** MTH of the RFC. */
const naiveRoot = (leaves: ReadonlyArray<Hash>): Hash => {
  const [only] = leaves
  if (only === undefined) return emptyRoot
  if (leaves.length === 1) return only
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

/** PATH of the RFC. */
const naivePath = (m: number, leaves: ReadonlyArray<Hash>): ReadonlyArray<Hash> => {
  if (leaves.length === 1) return []
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return m < k
    ? [...naivePath(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))]
}

/** SUBPROOF of the RFC. */
const naiveProof = (m: number, leaves: ReadonlyArray<Hash>, isWhole: boolean): ReadonlyArray<Hash> => {
  if (m === leaves.length) return isWhole ? [] : [naiveRoot(leaves)]
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return m <= k
    ? [...naiveProof(m, leaves.slice(0, k), isWhole), naiveRoot(leaves.slice(k))]
    : [...naiveProof(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))]
}

const texts = (hashes: ReadonlyArray<Hash>) => hashes.map((one) => one.toString("hex"))

const leaves = Array.from({ length: SIZES }, (_, index) => leafHash(`leaf ${index}`))
const { nodes, roots } = treeOf(leaves)
const rootOf = (size: number): Hash => roots[size] ?? emptyRoot
const flipped = (one: Hash): Hash => {
  const other = Buffer.from(one)
  other[7] = (other[7] ?? 0) ^ 1
  return other
}

/** All pairs prove what is so. What is not so is tried with each pair of small trees, and with some of the others. */
const isLookedAt = (one: number, size: number): boolean => size <= 20 || (one * 31 + size) % 11 === 0

describe("a Merkle tree", () => {
  it("has the roots of the vectors of Certificate Transparency", () => {
    const { roots } = treeOf(vectorLeaves)
    expect(roots[0]?.toString("hex")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    expect(texts(roots.slice(1))).toEqual(vectorRoots)
  })

  it("has their proofs", () => {
    const { nodes } = treeOf(vectorLeaves)
    expect(texts(carriedOut(inclusionPlan(5, 8), nodes))).toEqual([
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ])
    expect(texts(carriedOut(consistencyPlan(6, 8), nodes))).toEqual([
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ])
  })

  it("has the roots of the definition, at each size, also from its complete subtrees", () => {
    for (let size = 0; size <= SIZES; size += 1) {
      const expected = naiveRoot(leaves.slice(0, size)).toString("hex")
      expect(rootOf(size).toString("hex")).toBe(expected)
      expect(carriedOut(rootPlan(size), nodes).toString("hex")).toBe(expected)
    }
  })

  it("goes on from the edge of any size", () => {
    for (let size = 0; size < SIZES; size += 1) {
      const edge = placesOfRoot(size).map((place) => nodes.get(placeKey(place)) ?? emptyRoot)
      const tree = new GrowingTree(size, edge)
      const added: ReadonlyArray<Node> = tree.add(leaves[size] ?? emptyRoot)
      expect(tree.root.equals(rootOf(size + 1))).toBe(true)
      for (const node of added) expect(nodes.get(placeKey(node))?.equals(node.hash)).toBe(true)
    }
    expect(() => new GrowingTree(3, [])).toThrow("another edge")
  })

  it("proves each leaf in each size, and no other", () => {
    for (let size = 1; size <= SIZES; size += 1)
      for (let position = 0; position < size; position += 1) {
        const leaf = leaves[position] ?? emptyRoot
        const proof = carriedOut(inclusionPlan(position, size), nodes)
        const by = (at: number, of = size, path = proof, what = leaf) =>
          rootByInclusion(what, at, of, path)?.equals(rootOf(of)) ?? false
        expect(by(position)).toBe(true)
        if (!isLookedAt(position, size)) continue
        expect(by(position, size, proof, flipped(leaf))).toBe(false)
        expect(by(position, size, [...proof, leaf])).toBe(false)
        if (size > 1) {
          expect(by((position + 1) % size)).toBe(false)
          expect(by(position, size, proof.slice(1))).toBe(false)
          expect(by(position, size, proof.with(-1, flipped(proof.at(-1) ?? leaf)))).toBe(false)
        }
      }
    expect(rootByInclusion(leafHash("leaf 0"), 0, 0, [])).toBeUndefined()
    expect(rootByInclusion(leafHash("leaf 0"), -1, 1, [])).toBeUndefined()
    expect(rootByInclusion(leafHash("leaf 0"), 0.5, 1, [])).toBeUndefined()
  })

  it("gives the proofs of some leaves while they come, with few hashes", () => {
    for (let size = 1; size <= SIZES; size += 1) {
      const wanted = (position: number) => position % 7 === 3 || position === size - 1
      const growing = new Inclusions(size)
      for (const [position, leaf] of leaves.slice(0, size).entries()) growing.add(leaf, wanted(position))
      expect(growing.root).toEqual(rootOf(size))
      for (let position = 0; position < size; position += 1)
        if (wanted(position))
          expect(growing.proof(position)).toEqual(carriedOut(inclusionPlan(position, size), nodes))
    }
    const few = new Inclusions(100_000)
    for (let position = 0; position < 100_000; position += 1) few.add(emptyRoot, position === 77_777)
    expect(few.kept).toBeLessThan(40)
  })

  it("gives the proofs of the definition", () => {
    for (const size of [1, 2, 3, 7, 8, 13, 64, 65, 100])
      for (let m = 0; m < size; m += 1) {
        expect(texts(carriedOut(inclusionPlan(m, size), nodes))).toEqual(
          texts(naivePath(m, leaves.slice(0, size))),
        )
        if (m > 0)
          expect(texts(carriedOut(consistencyPlan(m, size), nodes))).toEqual(
            texts(naiveProof(m, leaves.slice(0, size), true)),
          )
      }
  })

  it("proves each size to be the beginning of each larger one, and no other root", () => {
    for (let size = 0; size <= SIZES; size += 1)
      for (let from = 0; from <= size; from += 1) {
        const proof = carriedOut(consistencyPlan(from, size), nodes)
        const older = { size: from, root: rootOf(from) }
        const newer = { size, root: rootOf(size) }
        expect(isConsistent(older, newer, proof)).toBe(true)
        if (!isLookedAt(from, size)) continue
        expect(isConsistent({ ...older, root: flipped(older.root) }, newer, proof)).toBe(false)
        if (from > 0) expect(isConsistent(older, { ...newer, root: flipped(newer.root) }, proof)).toBe(false)
        expect(isConsistent(older, newer, [...proof, older.root])).toBe(false)
        if (proof.length > 0) {
          expect(isConsistent(older, newer, proof.slice(1))).toBe(false)
          expect(isConsistent(older, newer, proof.with(0, flipped(proof[0] ?? emptyRoot)))).toBe(false)
        }
        if (from < size) expect(isConsistent(newer, older, proof)).toBe(false)
      }
  })
})
