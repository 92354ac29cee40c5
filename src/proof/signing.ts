/**
 * Signs roots and publishes them. A root that is out cannot be taken back, so before one is signed, all that was published before has to
 * be the beginning of the tree: a Postgres that was restored to an older state would else sign a second history.
 *
 *   1. agree    the last root of each place is one that is stored, and the stored tree has the latest root at its size
 *   2. sign     if the tree grew, or the latest root is a day old: stored first, under the next number. Postgres may have failed over to
 *               an older state since the round began, so the places are asked again
 *   3. publish  in each place what comes after its last root; then it is noted as published, and shown
 */
import { Clock, Effect, Schema } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { signedNote } from "./checkpoint.ts"
import { consistencyPlan, type Hash, isConsistent, type Plan, rootPlan } from "./merkle-tree.ts"
import type { ProofSigner } from "./proof-key.ts"
import { ProofRoots, type SignedRoot } from "./proof-roots.ts"
import { ProofTree } from "./proof-tree.ts"
import { PublishedRoots, type RootsPlace } from "./published-roots.ts"

const SIGNED_AGAIN_MS = 24 * 3_600_000
/** A place that has none of our roots gets the latest of them, and one that lacks some gets all, in pages. */
const FIRST_ROOTS_MAX = 1_000
const ROOTS_PER_PAGE = 100

/** What was published contradicts what is stored. Nothing is signed until a person has found out why. */
export class PublishedOtherwise extends Schema.TaggedError<PublishedOtherwise>()("PublishedOtherwise", {
  place: Schema.Literals(["stream", "file", "store"]),
  number: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `root ${this.number} in the ${this.place}: ${this.reason}`
  }
}

/**
 * Fails with {@link PublishedOtherwise} if a root that was published under this origin is not one of the stored tree. Where another
 * origin was published last, ours has to be new: what we published before that is not looked for, and could be contradicted. Gives the
 * number of the last root that any place has, 0 if there is none.
 */
export const agree = Effect.fn("agree")(function* (origin: string) {
  const roots = yield* ProofRoots
  let latest = 0
  for (const { name, last } of yield* PublishedRoots) {
    const published = yield* last
    if (published === undefined) continue
    if (published.origin !== origin) {
      if (!(yield* roots.isOriginPublished(origin))) continue
      const reason = `it is of ${published.origin}, which came after ${origin}: an origin is not taken up again`
      return yield* new PublishedOtherwise({ place: name, number: published.number, reason })
    }
    const stored = yield* roots.numbered(published.number)
    latest = Math.max(latest, published.number)
    if (stored?.note === published.note) continue
    const reason =
      stored === undefined
        ? "it is not in Postgres, which came back older"
        : "Postgres has another root under its number"
    return yield* new PublishedOtherwise({ place: name, number: published.number, reason })
  }
  yield* agreeWithStored()
  return latest
})

/** Fails if the latest stored root is not that of the stored tree at its size. */
const agreeWithStored = Effect.fnUntraced(function* () {
  const tree = yield* ProofTree
  const latest = yield* (yield* ProofRoots).latest
  if (latest === undefined) return
  const { number, size } = latest
  const reason =
    (yield* tree.size) < size
      ? "the tree has fewer leaves"
      : (yield* tree.compute(rootPlan(size))).equals(latest.root)
        ? undefined
        : "the tree has another root at its size"
  if (reason !== undefined) return yield* new PublishedOtherwise({ place: "store", number, reason })
})

/**
 * Signs the root of the tree and stores it, if it is time. Gives the root if it did. `published` is the number that {@link agree} gave
 * just before.
 */
export const signRoot = Effect.fn("signRoot")(function* (signer: ProofSigner, published = 0) {
  const tree = yield* ProofTree
  const roots = yield* ProofRoots
  const { name: origin, keyId } = signer.publicKey
  const latest = yield* roots.latest
  if ((latest?.number ?? 0) < published)
    return yield* new PublishedOtherwise({
      place: "store",
      number: published,
      reason: "Postgres has just become older",
    })
  const size = yield* tree.size
  const now = yield* Clock.currentTimeMillis
  if (size === 0 || !isDue(latest, signer, size, now)) return undefined
  const { root, proof } = yield* tree.compute(growthPlan(latest?.size ?? 0, size))
  if (latest !== undefined && !isConsistent(latest, { size, root }, proof))
    return yield* new PublishedOtherwise({
      place: "store",
      number: latest.number,
      reason: "the tree did not grow out of it",
    })
  // Clocks may go back; roots do not.
  const at = Math.max(now, (latest?.at ?? 0) + 1)
  const checkpoint = { origin, size, root, number: (latest?.number ?? 0) + 1, at }
  const signed: SignedRoot = { ...checkpoint, keyId, note: signedNote(checkpoint, signer) }
  const isStored = yield* roots.store(signed, signer.publicKey)
  yield* (yield* CrashPoints)("after-root")
  if (!isStored) return undefined
  return signed
})

const isDue = (latest: SignedRoot | undefined, signer: ProofSigner, size: number, now: number): boolean =>
  latest === undefined ||
  size > latest.size ||
  latest.keyId !== signer.publicKey.keyId ||
  now - latest.at >= SIGNED_AGAIN_MS

/** The root of a tree, and the proof that it begins with one of `from` leaves. */
const growthPlan = (
  from: number,
  size: number,
): Plan<{ readonly root: Hash; readonly proof: ReadonlyArray<Hash> }> => {
  const [whole, growth] = [rootPlan(size), consistencyPlan(from, size)]
  return {
    places: [...whole.places, ...growth.places],
    result: (hashOf) => ({ root: whole.result(hashOf), proof: growth.result(hashOf) }),
  }
}

/** Publishes in each place the stored roots that it lacks at its end. A place that fails does not keep others from theirs. */
export const publishRoots = Effect.fn("publishRoots")(function* (origin: string) {
  const roots = yield* ProofRoots
  const places = yield* PublishedRoots
  const latest = yield* roots.latest
  if (latest === undefined) return
  const results = yield* Effect.forEach(places, (place) =>
    Effect.exit(publishIn(place, origin, latest.number)),
  )
  for (const result of results) yield* result
  yield* roots.setPublished(latest.number)
})

/** Publishes at least the roots up to `latest`. */
const publishIn = Effect.fnUntraced(function* (place: RootsPlace, origin: string, latest: number) {
  const roots = yield* ProofRoots
  const published = yield* place.last
  let last = published?.origin === origin ? published.number : Math.max(0, latest - FIRST_ROOTS_MAX)
  while (true) {
    const page = yield* roots.after(last, ROOTS_PER_PAGE)
    const ours = page.filter((root) => root.origin === origin)
    if (ours.length > 0) yield* place.append(ours)
    last = page.at(-1)?.number ?? last
    if (page.length < ROOTS_PER_PAGE) return
  }
})
