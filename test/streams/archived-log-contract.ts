/** What every adapter of the streams must hold to about logs that are archived and leave it, whatever it keeps logs in. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { AppConfig } from "../../src/config.ts"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { LoggedEvent } from "../../src/streams/event-store.ts"
import { chainStart } from "../../src/streams/hash-chain.ts"
import type { LogArchive } from "../../src/streams/log-archive.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { settings } from "../settings.ts"
import { MAILBOX_MAX, PARTITIONS, SHARE } from "./contract-settings.ts"
import {
  append,
  closing,
  commandId,
  firstEvents,
  LATER,
  news,
  openAll,
  owning,
  somePartner,
  takeAll,
} from "./log-under-test.ts"
import { MemoryArchive } from "./memory-archive.ts"
import { type Streams, wholeLog } from "./whole-log.ts"

const archive = new MemoryArchive(PARTITIONS)

const wholeOf = Effect.fnUntraced(function* (batch: BatchId) {
  return yield* (yield* wholeLog).read(batch, 0, 1_000, chainStart(batch))
})

/** The text of an event of such a batch as it was written: decoded events need not have their fields in the same order. */
const textOf = ({ version, event }: LoggedEvent): string => encodeEvent(firstEvents[version - 1] ?? event)

/** A batch that is closed and at rest, with more events than a page; it is in the log alone. */
export const closedBatch = Effect.fnUntraced(function* (events = 40) {
  const log = yield* wholeLog
  const batch = somePartner(log)()
  yield* openAll([batch])
  const owned = owning((yield* takeAll("w")).get(batch))
  const more = Array.from({ length: events - firstEvents.length }, (_, at) => closing(at))
  yield* append(owned, firstEvents.length, "close", { events: more, open: false })
  yield* log.release(owned, undefined)
  return batch
})

/** Archives a log as it is, and unlinks it. */
const unlinked = Effect.fnUntraced(function* (batch: BatchId, reservedName?: BatchId, into = archive) {
  const { unlink } = yield* LogUnlinking
  const log = into.keep(batch, yield* wholeOf(batch), reservedName, textOf)
  assert.strictEqual(yield* unlink(log), "unlinked")
  return log
})

const answering = (isReachable: boolean) =>
  Effect.sync(() => {
    archive.isUnreachable = !isReachable
  })

const countOf = (partition: number) =>
  Effect.map(
    Effect.flatMap(LogUnlinking, ({ counts }) => counts),
    (all) => {
      const { unlinked = 0, restored = 0 } = all.find((one) => one.partition === partition) ?? {}
      return [unlinked, restored]
    },
  )

export const archivedLogContract = <E>(
  name: string,
  adapter: Layer.Layer<Streams | LogUnlinking, E, AppConfig | LogArchive>,
): void => {
  const environment = {
    PARTITIONS: String(PARTITIONS),
    MAILBOX_MAX: String(MAILBOX_MAX),
    PARTNER_SHARE: String(SHARE),
  }
  const underTest = adapter.pipe(Layer.provide([archive.layer, settings(environment)]))
  layer(underTest, { excludeTestServices: true })(name, (it) => {
    it.effect("are read from the archive: whole, page by page, by ranges, and verified", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = yield* closedBatch()
        const before = yield* wholeOf(batch)
        const { version, head } = yield* unlinked(batch)
        assert.strictEqual(before.length, 40)
        assert.deepStrictEqual(yield* wholeOf(batch), before)
        assert.deepStrictEqual(yield* log.read(batch, 7, 5, before[6]?.hash), before.slice(7, 12))
        assert.deepStrictEqual(yield* log.read(batch, version, 5), [], "it ends where it ended")
        const wrong = yield* Effect.flip(log.read(batch, 7, 5, before[5]?.hash))
        assert.deepInclude(wrong, { _tag: "CorruptEntry", entry: "8-0" })
        const other = yield* closedBatch(4)
        const ranges = yield* log.readRanges([
          { batch, after: 0, to: 2, head: chainStart(batch) },
          { batch: other, after: 2, to: 4, head: undefined },
          { batch, after: 10, to: 12, head: before[9]?.hash },
          { batch, after: 10, to: 12, head: before[8]?.hash },
        ])
        assert.deepStrictEqual(
          ranges.map((range) =>
            range._tag === "Success" ? range.success.map(({ version }) => version) : range.failure.entry,
          ),
          [[1, 2], [3, 4], [11, 12], "11-0"],
        )
        yield* log.replicated(batch, version, head)
      }),
    )

    it.effect("leave once; again it is done, and nothing that is left to do leaves", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { unlink } = yield* LogUnlinking
        const batch = yield* closedBatch(4)
        const kept = archive.keep(batch, yield* wholeOf(batch), undefined, textOf)
        assert.strictEqual(yield* unlink({ ...kept, version: 3 }), "moved")
        assert.strictEqual(yield* unlink({ ...kept, head: "another" }), "moved")
        yield* log.enqueue(batch, news(1), commandId())
        assert.strictEqual(yield* unlink(kept), "busy", "it has mail, and is scheduled")
        const owned = owning((yield* takeAll("w")).get(batch))
        const handled = (yield* log.mail(batch, 9)).map(({ id }) => id)
        yield* append(owned, 4, "handled", { events: [], handled, open: false })
        assert.strictEqual(yield* unlink(kept), "busy", "it is owned")
        yield* log.release(owned, LATER - 1)
        assert.strictEqual(yield* unlink(kept), "busy", "it has a timer")
        yield* log.wake(LATER, 400)
        const woken = owning((yield* takeAll("w")).get(batch))
        yield* append(woken, 4, "open", { events: [], open: true })
        yield* log.release(woken, undefined)
        assert.strictEqual(yield* unlink(kept), "busy", "it is open")
        yield* log.sweep(LATER, LATER, 400)
        const swept = owning((yield* takeAll("w")).get(batch))
        yield* append(swept, 4, "closed", { events: [], open: false })
        yield* log.release(swept, undefined)
        const [before] = yield* countOf(0)
        assert.strictEqual(yield* unlink(kept), "unlinked")
        assert.strictEqual(yield* unlink(kept), "unlinked")
        assert.strictEqual((yield* countOf(0))[0], (before ?? 0) + 1)
      }),
    )

    it.effect("keep their names for ever: whoever opens them is answered with the first event", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = yield* closedBatch(4)
        yield* unlinked(batch)
        const exists = { _tag: "Exists", first: firstEvents[0] }
        for (const openBy of [undefined, LATER, -1]) {
          const answer: unknown = yield* log.open(batch, [closing(9)], "another", openBy)
          assert.deepStrictEqual(answer, exists)
        }
        const many = Array.from({ length: 40 }, (_, at) => closing(at))
        const large: unknown = yield* log.open(batch, many, "large")
        assert.deepStrictEqual(large, exists)
        const reserved: unknown = yield* log.reserve(batch)
        assert.deepStrictEqual(reserved, exists)
        assert.strictEqual((yield* wholeOf(batch)).length, 4)
      }),
    )

    it.effect("are not opened while the archive does not answer; new names never need it", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = yield* closedBatch(4)
        yield* unlinked(batch)
        const asked = archive.asked
        yield* answering(false)
        yield* Effect.gen(function* () {
          const steps: ReadonlyArray<Effect.Effect<unknown, object>> = [
            log.open(batch, firstEvents, "again"),
            log.reserve(batch),
            log.read(batch, 0, 1),
            log.enqueue(batch, news(1), commandId()),
          ]
          for (const step of steps)
            assert.deepInclude(yield* Effect.flip(step), { _tag: "StoreUnavailable", store: "postgres" })
          assert.isAbove(archive.asked, asked)
          const later = archive.asked
          const fresh = somePartner(log)()
          assert.deepStrictEqual(yield* log.read(fresh, 0, 1), [])
          assert.strictEqual(
            (yield* Effect.flip(log.enqueue(fresh, news(1), commandId())))._tag,
            "NoSuchBatch",
          )
          assert.deepStrictEqual(yield* log.open(fresh, firstEvents, "fresh"), { _tag: "Opened" })
          assert.strictEqual(archive.asked, later)
        }).pipe(Effect.ensuring(answering(true)))
      }),
    )

    it.effect("are not mistaken for new ones if they leave while the archive is asked", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { mark } = yield* LogUnlinking
        const mistaken = somePartner(log)()
        yield* mark([mistaken])
        assert.deepStrictEqual(
          yield* log.open(mistaken, firstEvents, "new"),
          { _tag: "Opened" },
          "it was none",
        )

        const batch = somePartner(log)()
        yield* mark([batch])
        const context = yield* Effect.context<Streams | LogUnlinking>()
        archive.meanwhile = Effect.gen(function* () {
          yield* log.open(batch, firstEvents, "faster")
          const owned = owning((yield* takeAll("w")).get(batch))
          yield* append(owned, 2, "close", { open: false })
          yield* log.release(owned, undefined)
          yield* unlinked(batch)
        }).pipe(Effect.provideContext(context), Effect.orDie)
        const answer: unknown = yield* log.open(batch, [closing(9)], "slower")
        assert.deepStrictEqual(answer, { _tag: "Exists", first: firstEvents[0] })
      }),
    )

    it.effect("go on with mail that comes late, and leave again", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { unlink, restored } = yield* LogUnlinking
        const batch = yield* closedBatch()
        const before = yield* wholeOf(batch)
        const kept = yield* unlinked(batch)
        const [unlinkedBefore = 0, restoredBefore = 0] = yield* countOf(0)
        const told = commandId("late return", "digest")
        yield* log.enqueue(batch, news(1), told)
        yield* log.enqueue(batch, news(1), told)
        assert.deepStrictEqual(yield* wholeOf(batch), before)
        assert.deepStrictEqual(yield* countOf(0), [unlinkedBefore - 1, restoredBefore + 1])
        assert.include(yield* restored(100), batch)
        assert.strictEqual(yield* unlink(kept), "busy")

        const owned = owning((yield* takeAll("w")).get(batch))
        const mail = yield* log.mail(batch, 9)
        assert.deepStrictEqual(
          mail.map(({ command }) => command),
          [news(1)],
        )
        const handled = mail.map(({ id }) => id)
        yield* append(owned, 40, "late", { handled, open: false })
        yield* log.release(owned, undefined)
        assert.strictEqual(yield* unlink(kept), "moved", "the archive has to have the rest")
        assert.deepStrictEqual(
          yield* log.read(batch, 40, 9, before[39]?.hash),
          (yield* wholeOf(batch)).slice(40),
        )
        const after = yield* wholeOf(batch)
        yield* unlinked(batch)
        assert.deepStrictEqual(yield* wholeOf(batch), after)
        assert.strictEqual(after.length, 41)
        assert.deepStrictEqual(yield* countOf(0), [unlinkedBefore, restoredBefore])
        yield* log.enqueue(batch, news(1), told)
        assert.deepStrictEqual(
          yield* countOf(0),
          [unlinkedBefore, restoredBefore],
          "what was handled brings none back",
        )
        assert.strictEqual(
          (yield* Effect.flip(log.enqueue(batch, news(2), commandId("late return", "another"))))._tag,
          "CommandIdReused",
        )
      }),
    )

    it.effect("come back once for all who want them", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { restore } = yield* LogUnlinking
        const batch = yield* closedBatch()
        const before = yield* wholeOf(batch)
        yield* unlinked(batch)
        const [count = 0] = yield* countOf(0)
        yield* Effect.all(
          [
            log.enqueue(batch, news(1), commandId()),
            restore(batch),
            restore(batch),
            log.enqueue(batch, news(2), commandId()),
          ],
          { concurrency: "unbounded", discard: true },
        )
        assert.deepStrictEqual(yield* wholeOf(batch), before)
        assert.strictEqual((yield* countOf(0))[0], count - 1)
        assert.strictEqual(yield* restore(batch), "there")
        assert.strictEqual(yield* restore(somePartner(log)()), "not-archived")
      }),
    )

    it.effect("show one history to who reads page by page while they leave, come back and go on", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = yield* closedBatch()
        const before = yield* wholeOf(batch)
        const read: Array<number> = []
        let head = chainStart(batch)
        const page = Effect.gen(function* () {
          const events = yield* log.read(batch, read.length, 9, head)
          for (const { version, hash } of events) {
            read.push(version)
            head = hash
          }
        })
        yield* page
        yield* unlinked(batch)
        yield* page
        yield* page
        yield* log.enqueue(batch, news(1), commandId())
        yield* page
        const owned = owning((yield* takeAll("w")).get(batch))
        const handled = (yield* log.mail(batch, 9)).map(({ id }) => id)
        yield* append(owned, 40, "late", { handled, open: false })
        yield* log.release(owned, undefined)
        yield* unlinked(batch)
        yield* page
        assert.deepStrictEqual(
          read,
          Array.from({ length: 41 }, (_, index) => index + 1),
        )
        assert.strictEqual(before.length, 40)
      }),
    )

    it.effect("do not come back if the archive was changed; then nobody writes to them", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { restore } = yield* LogUnlinking
        const batch = yield* closedBatch(4)
        yield* unlinked(batch)
        archive.tamperWith(batch, 3)
        const refused = yield* Effect.flip(log.read(batch, 0, 9, chainStart(batch)))
        assert.deepInclude(refused, { _tag: "CorruptEntry", batch, entry: "3-0" })
        assert.deepInclude(yield* Effect.flip(restore(batch)), { _tag: "CorruptEntry", batch, entry: "3-0" })
        const failed = yield* Effect.flip(log.enqueue(batch, news(1), commandId()))
        assert.deepInclude(failed, { _tag: "StoreUnavailable", step: "restore a log" })
        assert.deepStrictEqual(yield* log.mail(batch, 9), [])
      }),
    )

    it.effect("keep the names that their keys in quotes reserved, without a mark", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const plain = somePartner(log)()
        const made = yield* log.reserve(plain)
        assert.strictEqual(made._tag, "Reserved")
        const batch = yield* closedBatch(4)
        yield* unlinked(batch, plain)
        if (made._tag === "Reserved") yield* log.cancelReservation(plain, made.at)
        const opened = yield* log.open(plain, firstEvents, "plain")
        assert.strictEqual(opened._tag, "Reserved")
        if (opened._tag === "Reserved") {
          assert.strictEqual(opened.at, opened.now, "it is never too old")
          yield* log.cancelReservation(plain, opened.at)
        }
        assert.strictEqual((yield* log.reserve(plain))._tag, "Reserved")
        assert.strictEqual((yield* log.open(plain, firstEvents, "plain"))._tag, "Reserved")
      }),
    )
  })

  const older = new MemoryArchive(PARTITIONS)
  const overOlder = adapter.pipe(Layer.provide([older.layer, settings(environment)]))
  layer(Layer.fresh(overOlder), { excludeTestServices: true })(
    `${name}, if the archive came back older`,
    (it) => {
      it.effect("are not denied, nor taken for new ones, while Redis counts more of them", () =>
        Effect.gen(function* () {
          const log = yield* wholeLog
          const { restore } = yield* LogUnlinking
          const plain = somePartner(log)()
          const [batch, quoted] = [yield* closedBatch(4), yield* closedBatch(4)]
          yield* unlinked(batch, undefined, older)
          yield* unlinked(quoted, plain, older)
          for (const forgotten of [batch, quoted]) older.forget(forgotten)
          const steps: ReadonlyArray<Effect.Effect<unknown, object>> = [
            log.open(batch, firstEvents, "again"),
            log.open(plain, firstEvents, "plain"),
            log.reserve(batch),
            log.read(batch, 0, 1),
            log.enqueue(batch, news(1), commandId()),
            restore(batch),
          ]
          for (const step of steps)
            assert.deepInclude(yield* Effect.flip(step), { _tag: "StoreUnavailable", store: "postgres" })
          const fresh = somePartner(log)()
          assert.deepStrictEqual(yield* log.read(fresh, 0, 1), [])
          assert.deepStrictEqual(yield* log.open(fresh, firstEvents, "fresh"), { _tag: "Opened" })
        }),
      )
    },
  )
}
