/** Heads are entered once and without gaps, and only if their logs have them; what was published is never contradicted. */
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { assert, layer } from "@effect/vitest"
import { headers } from "@nats-io/transport-node"
import { Effect, Result } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import { holds, proveConsistency } from "../../src/proof/consistency.ts"
import { enterHeads } from "../../src/proof/entering.ts"
import { proofKeySet } from "../../src/proof/key-set.ts"
import { GrowingTree, leafHash } from "../../src/proof/merkle-tree.ts"
import { signerOf } from "../../src/proof/proof-key.ts"
import { ProofRoots } from "../../src/proof/proof-roots.ts"
import { ProofTree } from "../../src/proof/proof-tree.ts"
import { PublishedRoots, RootsFileFailed, type RootsPlace } from "../../src/proof/published-roots.ts"
import { rootBody, rootsStreamOf, rootsSubjectOf } from "../../src/proof/root-event.ts"
import { agree, signRoot } from "../../src/proof/signing.ts"
import { wholeLog } from "../streams/whole-log.ts"
import {
  closed,
  closedLife,
  leaves,
  ORIGIN,
  otherSigner,
  proofKey,
  proofStack,
  rootsFile,
  round,
  shortClosed,
  signer,
  sqlOf,
} from "./proof-stack.ts"
import { notesInFile, notesInStream, notesStored, treeIsWhole } from "./stored-tree.ts"

const latest = Effect.flatMap(ProofRoots, (roots) => roots.latest)

layer(proofStack, { excludeTestServices: true })("the keeper of the proof tree", (it) => {
  it.effect(
    "enters each closed batch once, with its hash and the root of its events, and publishes the root",
    () =>
      Effect.gen(function* () {
        const batch = yield* closedLife()
        const short = yield* shortClosed
        assert.strictEqual(yield* round(), 2)
        assert.strictEqual(yield* round(), 0)
        const events = yield* (yield* wholeLog).read(batch, 0, 10_000)
        const naive = new GrowingTree()
        for (const { text } of events) naive.add(leafHash(text ?? ""))
        const [first, second] = yield* leaves
        assert.deepInclude(first, { batch, version: events.length, head: events.at(-1)?.hash ?? "" })
        assert.isTrue(first?.events_root.equals(naive.root))
        assert.strictEqual(second?.batch, short)
        yield* treeIsWhole
        const stored = yield* notesStored
        assert.lengthOf(stored, 1)
        assert.deepEqual(yield* notesInFile, stored)
        assert.deepEqual(yield* notesInStream, stored)
      }),
  )

  it.effect("enters a batch again that goes on after it closed, and keeps its first leaf", () =>
    Effect.gen(function* () {
      const batch = yield* closedLife()
      const { version } = yield* closed(batch, { version: 20 })
      yield* round()
      yield* closed(batch)
      yield* round()
      const own = (yield* leaves).filter((leaf) => leaf.batch === batch)
      assert.deepEqual([own.length, own[0]?.version], [2, version])
      yield* treeIsWhole
    }),
  )

  it.effect("does not enter a head that the log does not have, says why, and goes on with the others", () =>
    Effect.gen(function* () {
      const before = (yield* leaves).length
      const wrong = yield* closedLife()
      yield* closed(wrong, { head: "x".repeat(43) })
      const long = yield* closedLife()
      yield* closed(long, { version: 3_000, head: "x".repeat(43) })
      const good = yield* shortClosed
      assert.strictEqual(yield* round(), 1)
      assert.deepEqual(
        (yield* leaves).slice(before).map(({ batch }) => batch),
        [good],
      )
      const refused = yield* sqlOf(
        (sql) => sql<Array<{ batch: string; reason: string }>>`select batch, reason from proof_refusals`,
      )
      const reasons = new Map(refused.map(({ batch, reason }) => [batch, reason]))
      assert.include(reasons.get(wrong), "another hash there")
      assert.include(reasons.get(long), "the log ends before it")
      assert.strictEqual(yield* (yield* ProofTree).refused, 2)
      // They are put off, and entered once the read models have the hash of the log.
      assert.strictEqual(yield* round(), 0)
      yield* closed(wrong)
      yield* closed(long)
      yield* sqlOf((sql) => sql`update proof_refusals set retry_at = now()`)
      assert.strictEqual(yield* round(), 2)
      assert.strictEqual(yield* (yield* ProofTree).refused, 0)
      yield* treeIsWhole
    }),
  )

  it.effect("does not enter a log that has another hash at the version that was entered before", () =>
    Effect.gen(function* () {
      const batch = yield* closedLife()
      yield* closed(batch, { version: 20 })
      yield* round()
      yield* closed(batch)
      // The log was written anew from the beginning, in all stores but the tree.
      yield* sqlOf((sql) => sql`alter table proof_leaves disable trigger proof_leaves_stay`)
      yield* sqlOf((sql) => sql`update proof_leaves set head = 'y' where batch = ${batch}`)
      assert.strictEqual(yield* round(), 0)
      const [refusal] = yield* sqlOf(
        (sql) => sql<[{ reason: string }]>`select reason from proof_refusals where batch = ${batch}`,
      )
      assert.include(refusal?.reason, "which was entered")
      const head = (yield* (yield* wholeLog).read(batch, 19, 1))[0]?.hash ?? ""
      yield* sqlOf((sql) => sql`update proof_leaves set head = ${head} where batch = ${batch}`)
      yield* sqlOf((sql) => sql`alter table proof_leaves enable trigger proof_leaves_stay`)
    }),
  )

  it.effect("marks what was entered although the mark was lost, and enters nothing twice", () =>
    Effect.gen(function* () {
      yield* round()
      const before = yield* leaves
      yield* sqlOf((sql) => sql`update closed_batches set entered_version = 0`)
      yield* sqlOf((sql) => sql`delete from proof_refusals`)
      yield* round()
      assert.deepEqual(
        (yield* leaves).slice(0, before.length).map(({ batch, version }) => `${batch}:${version}`),
        before.map(({ batch, version }) => `${batch}:${version}`),
      )
      const [marked] = yield* sqlOf(
        (sql) => sql<[{ left: number }]>`
          select count(*)::int as left from closed_batches where entered_version < version`,
      )
      assert.strictEqual(marked?.left, 0)
      yield* treeIsWhole
    }),
  )

  it.effect("enters few heads together if their logs are long", () =>
    Effect.gen(function* () {
      const size = (yield* leaves).length
      yield* Effect.repeat(shortClosed, { times: 4 })
      assert.deepEqual(yield* enterHeads(size, 5, 4), { entered: 2, refused: 0, more: true })
      assert.deepEqual(yield* enterHeads(size + 2, 5, 1), { entered: 1, refused: 0, more: true })
      assert.deepEqual(yield* enterHeads(size + 3, 5, 4), { entered: 2, refused: 0, more: false })
      yield* treeIsWhole
    }),
  )

  it.effect("makes one tree of two writers at once", () =>
    Effect.gen(function* () {
      const before = (yield* leaves).length
      yield* Effect.repeat(shortClosed, { times: 19 })
      const racing = Effect.all([round(), round(), round()], { concurrency: "unbounded" })
      const entered = (yield* racing).reduce((sum, one) => sum + one, 0) + (yield* round())
      assert.strictEqual(entered, 20)
      assert.strictEqual((yield* leaves).length, before + 20)
      yield* treeIsWhole
      assert.deepEqual(yield* notesInStream, yield* notesStored)
    }),
  )

  it.effect("repeats a statement without effect, and refuses that of another size", () =>
    Effect.gen(function* () {
      const tree = yield* ProofTree
      const size = yield* tree.size
      const leaf = { batch: "pb_x", version: 1, head: "h", eventsRoot: leafHash("x") }
      assert.isFalse(yield* tree.enter(size - 1, [leaf], []))
      assert.isFalse(yield* tree.enter(size + 1, [leaf], []))
      assert.strictEqual(yield* tree.size, size)
      const refusesChange = yield* Effect.result(sqlOf((sql) => sql`delete from proof_leaves`))
      assert.isTrue(Result.isFailure(refusesChange))
    }),
  )

  it.effect("signs again with a new key, keeps the old one, and proves one root out of the other", () =>
    Effect.gen(function* () {
      const older = yield* latest
      yield* round(otherSigner)
      const newer = yield* latest
      assert.strictEqual(newer?.size, older?.size)
      assert.strictEqual(newer?.keyId, otherSigner.publicKey.keyId)
      const { keys } = yield* proofKeySet
      assert.deepEqual(
        keys.map(({ kid }) => kid),
        [otherSigner.publicKey.keyId, signer.publicKey.keyId],
      )
      yield* round()
      for (let from = 1; from <= (older?.size ?? 0); from += 5)
        assert.isTrue(holds(yield* proveConsistency(from, older?.size ?? 0)))
      assert.isTrue(Result.isFailure(yield* Effect.result(proveConsistency(1, 10_000))))
    }),
  )

  it.effect("cuts off what a death left half written in the file, and goes on where each place is", () =>
    Effect.gen(function* () {
      const path = yield* rootsFile
      const whole = readFileSync(path, "utf8")
      truncateSync(path, whole.length - 40)
      yield* shortClosed
      yield* round()
      assert.deepEqual(yield* notesInFile, yield* notesStored)
      appendFileSync(path, '{"specversion"')
      yield* shortClosed
      yield* round()
      assert.deepEqual(yield* notesInFile, yield* notesStored)
      assert.deepEqual(yield* notesInStream, yield* notesStored)
    }),
  )

  it.effect("passes over what others write on the subject of roots", () =>
    Effect.gen(function* () {
      const { stream } = (yield* AppConfig).nats
      const { jetstream } = yield* Nats
      const forged = '{"specversion":"1.0"}'
      yield* Effect.promise(() => jetstream.publish(rootsSubjectOf(stream), forged))
      yield* shortClosed
      yield* round()
      assert.deepEqual(
        (yield* notesInStream).filter((note) => note !== undefined),
        yield* notesStored,
      )
    }),
  )

  it.effect("signs nothing if the last root in the stream has the seal of a master key that is gone", () =>
    Effect.gen(function* () {
      const { stream } = (yield* AppConfig).nats
      const { jetstream, manager } = yield* Nats
      const last = yield* latest
      assert(last !== undefined)
      const header = headers()
      header.set("Atlaspay-Seal", "gone.c2VhbA")
      const { seq } = yield* Effect.promise(() =>
        jetstream.publish(rootsSubjectOf(stream), rootBody(last), { headers: header }),
      )
      yield* shortClosed
      const stored = yield* notesStored
      const failed = yield* Effect.flip(round())
      assert.include(JSON.stringify(failed), "master key that is not in the settings")
      assert.deepEqual(yield* notesStored, stored)
      yield* Effect.promise(() => manager.streams.deleteMessage(rootsStreamOf(stream), seq))
      yield* round()
      assert.lengthOf(yield* notesStored, stored.length + 1)
    }),
  )

  it.effect("signs nothing if Postgres came back older than what was published", () =>
    Effect.gen(function* () {
      const path = yield* rootsFile
      const whole = readFileSync(path, "utf8")
      const lines = whole.trimEnd().split("\n")
      const last = JSON.parse(lines.at(-1) ?? "")
      const ahead = { ...last, data: { ...last.data, number: last.data.number + 1 } }
      writeFileSync(path, `${whole}${JSON.stringify(ahead)}\n`)
      yield* shortClosed
      const before = [(yield* leaves).length, yield* notesStored]
      const refused = yield* Effect.result(round())
      assert.isTrue(Result.isFailure(refused))
      if (Result.isFailure(refused)) assert.include(refused.failure.message, "came back older")
      const other = { ...last, data: { ...last.data, note: `${last.data.note} ` } }
      writeFileSync(path, `${lines.slice(0, -1).join("\n")}\n${JSON.stringify(other)}\n`)
      const forked = yield* Effect.result(round())
      if (Result.isFailure(forked)) assert.include(forked.failure.message, "another root under its number")
      assert.isTrue(Result.isFailure(forked))
      assert.deepEqual([(yield* leaves).length, yield* notesStored], before)
      writeFileSync(path, whole)
      yield* round()
      yield* treeIsWhole
    }),
  )

  it.effect("signs nothing if Postgres becomes older in the middle of a round", () =>
    Effect.gen(function* () {
      yield* shortClosed
      const stored = yield* notesStored
      const ahead = { origin: ORIGIN, number: stored.length + 1, note: "of a Postgres that is gone" }
      let asked = 0
      const last = Effect.sync(() => (asked++ === 0 ? undefined : ahead))
      const place: RootsPlace = { name: "file", last, append: () => Effect.die("nothing is published") }
      const failed = yield* Effect.flip(round().pipe(Effect.provideService(PublishedRoots, [place])))
      assert.include(failed.message, "came back older")
      const between = yield* Effect.flip(signRoot(signer, stored.length + 1))
      assert.include(between.message, "has just become older")
      assert.deepEqual(yield* notesStored, stored)
      yield* round()
      assert.lengthOf(yield* notesStored, stored.length + 1)
    }),
  )

  it.effect("shows a root only once all places have it", () =>
    Effect.gen(function* () {
      const roots = yield* ProofRoots
      const before = yield* roots.published
      const [stream, file] = yield* PublishedRoots
      assert(stream !== undefined && file !== undefined)
      const full = { ...file, append: () => new RootsFileFailed({ step: "write", reason: "ENOSPC" }) }
      yield* shortClosed
      const failed = yield* Effect.flip(round().pipe(Effect.provideService(PublishedRoots, [stream, full])))
      assert.include(failed.message, "ENOSPC")
      assert.strictEqual((yield* roots.latest)?.number, (before?.number ?? 0) + 1)
      assert.strictEqual((yield* roots.published)?.number, before?.number)
      yield* round()
      assert.deepEqual(yield* roots.published, yield* roots.latest)
      assert.deepEqual(yield* notesInFile, yield* notesStored)
    }),
  )

  it.effect("signs nothing if the stored tree does not have its latest root", () =>
    Effect.gen(function* () {
      yield* sqlOf((sql) => sql`alter table proof_nodes disable trigger proof_nodes_stay`)
      const size = yield* (yield* ProofTree).size
      const level = Math.floor(Math.log2(size))
      const swap = (from: string, to: string) =>
        sqlOf(
          (sql) => sql`
            update proof_nodes set hash = decode(${to}, 'hex') where level = ${level} and position = 0
            and (${from} = '' or hash = decode(${from}, 'hex'))`,
        )
      const [node] = yield* sqlOf(
        (sql) =>
          sql<[{ hash: Buffer }]>`select hash from proof_nodes where level = ${level} and position = 0`,
      )
      yield* swap("", "00".repeat(32))
      const damaged = yield* Effect.result(agree(ORIGIN))
      yield* swap("", node?.hash.toString("hex") ?? "")
      yield* sqlOf((sql) => sql`alter table proof_nodes enable trigger proof_nodes_stay`)
      assert.isTrue(Result.isFailure(damaged))
      yield* agree(ORIGIN)
    }),
  )

  it.effect("takes no origin up again that another one followed", () =>
    Effect.gen(function* () {
      const other = signerOf(proofKey, `${ORIGIN}/2`)
      const stored = yield* notesStored
      yield* round(other)
      const after = yield* notesStored
      assert.lengthOf(after, stored.length + 1)
      const refused = yield* Effect.flip(round())
      assert.include(refused.message, "not taken up again")
      yield* shortClosed
      yield* round(other)
      assert.lengthOf(yield* notesStored, after.length + 1)
    }),
  )
})
