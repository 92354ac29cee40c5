/**
 * The proof of an item: texts of the log's events about it, and the hashes that lead from each to a signed root. docs/PROOFS.md says how it
 * is verified, and examples/verify-proof.mjs does it without our code.
 */
import { Effect, Result, Schema } from "effect"
import { decodeEvent } from "../domain/event-codec.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { EventStore } from "../streams/event-store.ts"
import { type BatchLeaf, hashOfLeaf } from "./batch-leaf.ts"
import { verifiedNote } from "./checkpoint.ts"
import { ItemEvents, isForPartners } from "./item-events.ts"
import { visitLeaves } from "./log-tree.ts"
import { type Hash, Inclusions, inclusionPlan, leafHash, rootByInclusion } from "./merkle-tree.ts"
import type { PublicProofKey } from "./proof-key.ts"
import { ProofRoots } from "./proof-roots.ts"
import { ProofTree, TreeDamaged } from "./proof-tree.ts"

/** The form of the document. Another would have another. */
export const PROOF_FORM = "atlaspay-item-proof/v1"

const HashText = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9+/]{43}=$/, { message: "expected SHA-256 in base64" }),
)
const Path = Schema.Array(HashText)
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** An event at a version of the log, by its text, or by the hash of its text if that is not disclosed, and the path to the batch's root. */
const ProvedEvent = Schema.Struct({
  version: Schema.Int.annotate({ description: "The version of the log that the event made." }),
  text: Schema.optionalKey(
    Schema.String.annotate({ description: "The event as the log has it. Absent if it is not disclosed." }),
  ),
  hash: HashText.annotate({ description: "The hash of the text as a leaf: SHA-256 of 0x00 and the text." }),
  path: Path.annotate({ description: "The hashes from the leaf up to `eventsRoot`." }),
})

export const ItemProof = Schema.Struct({
  format: Schema.Literal(PROOF_FORM),
  batch: Schema.String,
  item: Schema.Int,
  version: Schema.Int.annotate({ description: "The version of the batch's log that the tree has." }),
  head: Schema.String.annotate({ description: "The link of the log's hash chain there." }),
  eventsRoot: HashText.annotate({ description: "The root of the tree of the batch's events." }),
  events: Schema.Array(ProvedEvent).annotate({ description: "The events about the item, in their order." }),
  position: Count.annotate({ description: "The place of the batch's leaf in the tree, from 0." }),
  path: Path.annotate({ description: "The hashes from the batch's leaf up to the signed root." }),
  root: Schema.String.annotate({
    description: "The signed root: a checkpoint (https://c2sp.org/tlog-checkpoint).",
  }),
  publicKey: Schema.String.annotate({
    description: "The key that signed it. Verify with the one that you keep, not with this.",
  }),
}).annotate({ identifier: "ItemProof", description: "The proof of an item (docs/PROOFS.md)." })
export type ItemProof = typeof ItemProof.Type

/** There is no proof of the item yet: the batch is not closed, or no root was signed since. */
export class ProofNotYetMade extends Schema.TaggedError<ProofNotYetMade>()("ProofNotYetMade", {
  batch: Schema.String,
}) {
  override get message() {
    return `${this.batch} is in no signed root yet`
  }
}

/** The batch has no such item. */
export class NoItemToProve extends Schema.TaggedError<NoItemToProve>()("NoItemToProve", {
  batch: Schema.String,
  item: Schema.Int,
}) {
  override get message() {
    return `${this.batch} has no item ${this.item}`
  }
}

/** Who a proof is for: a partner does not get the texts that are the operator's own. */
export type ProofReader = "partner" | "operator"

/**
 * Makes the proof of an item by the latest signed root that has its batch. Reads the whole log of the batch. Fails with
 * {@link ProofNotYetMade} before there is one, with {@link NoItemToProve} if the log up to there does not have the item, and with
 * {@link TreeDamaged} if the stored tree would give a proof that does not hold.
 */
export const proveItem = Effect.fn("proveItem")(function* (
  batch: BatchId,
  item: number,
  reader: ProofReader,
) {
  const tree = yield* ProofTree
  const roots = yield* ProofRoots
  const signed = yield* roots.published
  const leaf = signed && (yield* tree.leafOf(batch, signed.size))
  if (signed === undefined || leaf === undefined) return yield* new ProofNotYetMade({ batch })
  const path = yield* tree.compute(inclusionPlan(leaf.position, signed.size))
  const { events, isThere, eventsRoot } = yield* eventsOf(batch, item, reader, leaf)
  if (!eventsRoot.equals(leaf.eventsRoot))
    return yield* new TreeDamaged({ reason: `the leaf of ${batch} has another root than its events` })
  if (!rootByInclusion(hashOfLeaf(leaf), leaf.position, signed.size, path)?.equals(signed.root))
    return yield* new TreeDamaged({ reason: `the leaf of ${batch} is not under root ${signed.number}` })
  if (!isThere) return yield* new NoItemToProve({ batch, item })
  const key = (yield* roots.keys).find(({ keyId }) => keyId === signed.keyId)
  return {
    format: PROOF_FORM,
    batch,
    item,
    version: leaf.version,
    head: leaf.head,
    eventsRoot: leaf.eventsRoot.toString("base64"),
    events,
    position: leaf.position,
    path: path.map(textOf),
    root: signed.note,
    publicKey: key?.text ?? "",
  } satisfies ItemProof
})

const textOf = (hash: Hash): string => hash.toString("base64")

interface About {
  readonly version: number
  readonly leaf: Hash
  readonly text: string | undefined
}

/** The events about an item with their paths, and whether the item was received. */
const eventsOf = Effect.fnUntraced(function* (
  batch: BatchId,
  item: number,
  reader: ProofReader,
  upTo: BatchLeaf,
) {
  const tree = new Inclusions(upTo.version)
  const ofItem = new ItemEvents(item)
  const about: Array<About> = []
  let isThere = false
  yield* visitLeaves(yield* EventStore, batch, upTo, ({ version, event }, leaf, text) => {
    const isAbout = ofItem.isAbout(event)
    tree.add(leaf, isAbout)
    if (!isAbout) return
    if (event._tag === "ItemsReceived") isThere = true
    about.push({ version, leaf, text: reader === "operator" || isForPartners(event) ? text : undefined })
  })
  const events = about.map(({ version, leaf, text }) => ({
    version,
    ...(text === undefined ? {} : { text }),
    hash: textOf(leaf),
    path: tree.proof(version - 1).map(textOf),
  }))
  return { events, isThere, eventsRoot: tree.root }
})

/** What a proof shows once it is verified. */
export interface Proved {
  /** The root that it leads to, and when that was signed, in epoch milliseconds. */
  readonly size: number
  readonly number: number
  readonly at: number
}

const hashIn = (text: string): Hash => Buffer.from(text, "base64")
const isProof = Schema.is(ItemProof)

/**
 * Verifies a proof with public keys that the caller trusts. Gives what it shows, or in words the first thing that is wrong with it. A
 * member that is not of the form is wrong, too.
 */
export const verifyItemProof = (proof: unknown, keys: ReadonlyArray<PublicProofKey>): Proved | string => {
  if (!isProof(proof)) return "it is not a proof of this form"
  const isKnown =
    onlyHas(proof, ItemProof.fields) && proof.events.every((one) => onlyHas(one, ProvedEvent.fields))
  if (!isKnown) return "it has a member that is not known"
  const { batch, version, head, events, position } = proof
  const root = verifiedNote(proof.root, keys)
  if (root === undefined) return "the root is not signed by a key that is trusted"
  if (keys.every(({ text }) => text !== proof.publicKey))
    return "the key in it is not the one that is trusted"
  const eventsRoot = hashIn(proof.eventsRoot)
  let last = 0
  for (const event of events) {
    if (event.version <= last) return "its events are not in order"
    last = event.version
    const leaf = hashIn(event.hash)
    if (event.text !== undefined && !leafHash(event.text).equals(leaf))
      return `the text of version ${event.version} has another hash`
    const leadsTo = rootByInclusion(leaf, event.version - 1, version, event.path.map(hashIn))
    if (!leadsTo?.equals(eventsRoot)) return `version ${event.version} is not in the batch`
  }
  const leaf = hashOfLeaf({ batch, version, head, eventsRoot })
  const leadsTo = rootByInclusion(leaf, position, root.size, proof.path.map(hashIn))
  if (!leadsTo?.equals(root.root)) return "the batch is not under the signed root"
  return itemProblem(proof) ?? { size: root.size, number: root.number, at: root.at }
}

const onlyHas = (value: object, fields: object): boolean =>
  Object.keys(value).every((name) => Object.hasOwn(fields, name))

/** What is wrong with the item of a proof: a disclosed event that names only others, or none that received it. */
const itemProblem = ({ item, events }: ItemProof): string | undefined => {
  const ofItem = new ItemEvents(item)
  let isReceived = false
  for (const { version, text } of events) {
    if (text === undefined) continue
    const event = Result.getOrUndefined(decodeEvent(text))
    if (event === undefined) return `the text of version ${version} is no event that is known`
    if (!ofItem.isAbout(event)) return `version ${version} is about another item`
    if (event._tag === "ItemsReceived") isReceived = true
  }
  return isReceived ? undefined : "no event of it has the item"
}
