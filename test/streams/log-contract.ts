/** The part of the contract that is about the log and the mailbox of a batch. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect, Fiber, Result } from "effect"
import { describe } from "vitest"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { chainStart } from "../../src/streams/hash-chain.ts"
import { MAILBOX_MAX } from "./contract-settings.ts"
import {
  append,
  closing,
  commandId,
  firstEvents,
  headAt,
  LATER,
  news,
  opened,
  owning,
  somePartner,
  takeAll,
} from "./log-under-test.ts"
import { type Streams, wholeLog } from "./whole-log.ts"

/** So many events; a batch of more than sixteen is opened in steps. */
const manyEvents = (count: number) => [
  ...firstEvents,
  ...Array.from({ length: count - firstEvents.length }, (_, index) => closing(index)),
]

export const holdsLogs = (it: Vitest.MethodsNonLive<Streams>): void => {
  describe("opening a batch", () => {
    it.effect("happens once, and everyone else is answered with its first event", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = somePartner(log)()
        assert.deepStrictEqual(yield* log.open(batch, firstEvents, "a"), { _tag: "Opened" })
        const retried = yield* log.open(batch, firstEvents, "a")
        assert.deepStrictEqual(retried, { _tag: "Opened" }, "a retry of the same command")
        const other: unknown = yield* log.open(batch, [closing(9)], "b")
        assert.deepStrictEqual(other, { _tag: "Exists", first: firstEvents[0] })
        const events = (yield* log.read(batch, 0, 10)).map(({ version, event }) => [version, event])
        assert.deepStrictEqual(
          events,
          firstEvents.map((event, index) => [index + 1, event]),
        )
        assert.isTrue((yield* takeAll("w")).has(batch))
        assert.isFalse((yield* takeAll("w")).has(batch), "it was scheduled once")
      }),
    )

    it.effect("shows a batch of many events with all of them or not at all", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = somePartner(log)()
        const opening = yield* Effect.forkChild(log.open(batch, manyEvents(100), "large"))
        const seen = new Set<number>()
        while (!seen.has(100)) {
          seen.add((yield* log.read(batch, 0, 200)).length)
          yield* Effect.yieldNow
        }
        assert.deepStrictEqual(yield* Fiber.join(opening), { _tag: "Opened" })
        assert.deepStrictEqual([...seen], [0, 100])
      }),
    )

    it.effect("recognises a retry and a competitor of a batch of many events", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = somePartner(log)()
        const both = yield* Effect.all(
          ["one", "other"].map((command) => log.open(batch, manyEvents(40), command)),
          { concurrency: 2 },
        )
        assert.sameMembers(
          both.map(({ _tag }) => _tag),
          ["Opened", "Exists"],
        )
        const winner = both[0]?._tag === "Opened" ? "one" : "other"
        assert.strictEqual((yield* log.open(batch, manyEvents(40), winner))._tag, "Opened")
        assert.strictEqual((yield* log.open(batch, manyEvents(40), "third"))._tag, "Exists")
        assert.strictEqual((yield* log.read(batch, 0, 200, chainStart(batch))).length, 40)
      }),
    )

    it.effect(
      "does not happen too late, however many steps it takes; what is there is answered as ever",
      () =>
        Effect.gen(function* () {
          const log = yield* wholeLog
          const batchId = somePartner(log)
          for (const events of [firstEvents, manyEvents(40)]) {
            const batch = batchId()
            const late = yield* Effect.flip(log.open(batch, events, "late", -1))
            assert.deepInclude(late, { _tag: "StoreUnavailable", reason: "it took too long" })
            assert.deepStrictEqual(yield* log.read(batch, 0, 10), [])
            assert.deepStrictEqual(yield* log.open(batch, events, "in time", LATER), { _tag: "Opened" })
            assert.deepStrictEqual(yield* log.open(batch, events, "in time", -1), { _tag: "Opened" })
            assert.strictEqual((yield* log.open(batch, events, "late", -1))._tag, "Exists")
          }
        }),
    )

    it.effect("does not happen while its name is reserved, also where it is late or large", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batchId = somePartner(log)
        for (const events of [firstEvents, manyEvents(40)]) {
          const batch = batchId()
          const made = yield* log.reserve(batch)
          assert.strictEqual(made._tag, "Reserved")
          if (made._tag !== "Reserved") return
          for (const openBy of [LATER, -1]) {
            const refused = yield* log.open(batch, events, "a", openBy)
            assert.deepInclude(refused, { _tag: "Reserved", at: made.at })
          }
          assert.deepStrictEqual(yield* log.read(batch, 0, 10), [])
          yield* log.cancelReservation(batch, made.at - 1)
          assert.strictEqual((yield* log.open(batch, events, "a"))._tag, "Reserved")
          yield* log.cancelReservation(batch, made.at)
          assert.deepStrictEqual(yield* log.open(batch, events, "a"), { _tag: "Opened" })
          const exists: unknown = yield* log.reserve(batch)
          assert.deepStrictEqual(exists, { _tag: "Exists", first: firstEvents[0] })
          assert.strictEqual((yield* log.open(batch, events, "b"))._tag, "Exists")
        }
      }),
    )

    it.effect("leaves nothing to see of a batch whose opening was broken off", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = somePartner(log)()
        const opening = yield* Effect.forkChild(log.open(batch, manyEvents(400), "broken off"))
        yield* Effect.yieldNow
        assert.deepStrictEqual(yield* log.read(batch, 0, 10), [])
        yield* Fiber.interrupt(opening)
        assert.strictEqual((yield* Effect.flip(log.enqueue(batch, news(1), commandId())))._tag, "NoSuchBatch")
        assert.isFalse((yield* takeAll("w")).has(batch))
        assert.strictEqual((yield* log.open(batch, manyEvents(40), "another"))._tag, "Opened")
        assert.strictEqual((yield* log.read(batch, 0, 500)).length, 40)
      }),
    )
  })

  describe("appending", () => {
    it.effect("happens only at the version that was read", () =>
      Effect.gen(function* () {
        const owned = yield* opened("w")
        assert.strictEqual((yield* append(owned, 2, "one")).version, 3)
        const behind = yield* Effect.flip(append(owned, 2, "two"))
        assert.deepInclude(behind, { _tag: "OwnershipLost", reason: "log-moved-on" })
        const ahead = yield* Effect.flip(append(owned, 9, "three"))
        assert.deepInclude(ahead, { _tag: "OwnershipLost", reason: "log-moved-on" })
      }),
    )

    it.effect("happens only after the very history that was read", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        const head = yield* headAt(log, owned.batch, 1)
        const refused = yield* Effect.flip(append(owned, 2, "one", { head }))
        assert.deepInclude(refused, { _tag: "OwnershipLost", reason: "log-moved-on" })
        assert.strictEqual((yield* log.read(owned.batch, 0, 10)).length, 2)
      }),
    )

    it.effect("gives the hash that the next append follows", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        const { head } = yield* append(owned, 2, "one")
        assert.strictEqual(yield* headAt(log, owned.batch, 3), head)
        assert.strictEqual((yield* append(owned, 3, "two", { head })).version, 4)
      }),
    )

    it.effect("is answered as done when it is retried, and done once", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        const events = [closing(1), closing(2)]
        const done = yield* append(owned, 2, "same", { events })
        assert.deepStrictEqual(yield* append(owned, 2, "same", { events }), done)
        assert.strictEqual((yield* log.read(owned.batch, 0, 10)).length, 4)
        yield* append(owned, 4, "next")
        const late = yield* Effect.flip(append(owned, 2, "same", { events }))
        assert.deepInclude(late, { reason: "log-moved-on" }, "others have been there since")
      }),
    )

    it.effect("releases the batch in the same step if it is to, once, however often it is retried", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        const last = { events: [closing(1)], open: false, release: { wakeAt: LATER } }
        const done = yield* append(owned, 2, "last", last)
        assert.deepInclude(done, { version: 3, isReleased: true })
        assert.deepStrictEqual(yield* append(owned, 2, "last", last), done)
        assert.deepInclude(yield* Effect.flip(append(owned, 3, "late")), { reason: "taken-over" })
        assert.isFalse((yield* takeAll("w")).has(owned.batch), "its timer is not due")
        assert.strictEqual(yield* log.wake(LATER, 10), 1)
        assert.isTrue((yield* takeAll("w")).has(owned.batch))
      }),
    )

    it.effect("does not release a batch whose mail it does not answer", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        yield* log.enqueue(owned.batch, news(1), commandId())
        const last = { events: [closing(1)], release: { wakeAt: undefined } }
        const kept = yield* append(owned, 2, "last", last)
        assert.deepInclude(kept, { version: 3, mailWaiting: 1, isReleased: false })
        assert.deepStrictEqual(yield* append(owned, 2, "last", last), kept, "a retry")
        const handled = (yield* log.mail(owned.batch, 10)).map(({ id }) => id)
        assert.isTrue((yield* append(owned, 3, "mail", { ...last, handled })).isReleased)
      }),
    )

    it.effect("is for the owner of the batch alone", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const zombie = yield* opened("zombie")
        const heir = owning((yield* log.takeOver("heir", 0, 400)).find(({ batch }) => batch === zombie.batch))
        assert.deepInclude(yield* Effect.flip(append(zombie, 2, "z")), { reason: "taken-over" })
        assert.strictEqual((yield* append(heir, 2, "h")).version, 3)
        yield* log.release(heir, undefined)
        assert.deepInclude(yield* Effect.flip(append(heir, 3, "i")), { reason: "taken-over" })
      }),
    )
  })

  describe("reading", () => {
    it.effect("gives pages of events, whose chain is verified from a hash on", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const batch = somePartner(log)()
        yield* log.open(batch, manyEvents(10), "a")
        const page = yield* log.read(batch, 3, 4, yield* headAt(log, batch, 3))
        assert.deepStrictEqual(
          page.map(({ version }) => version),
          [4, 5, 6, 7],
        )
        assert.deepStrictEqual(yield* log.read(batch, 10, 4), [])
        const wrong = yield* Effect.flip(log.read(batch, 3, 4, yield* headAt(log, batch, 2)))
        assert.deepInclude(wrong, { _tag: "CorruptEntry", entry: "4-0" })
      }),
    )
  })

  describe("mail", () => {
    it.effect("comes in the order in which it was sent", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { batch } = yield* opened("w")
        for (const at of [7, 8, 9]) yield* log.enqueue(batch, news(at), commandId())
        const mail = yield* log.mail(batch, 10)
        assert.deepStrictEqual(
          mail.map(({ command }) => command),
          [news(7), news(8), news(9)],
        )
        assert.deepStrictEqual(yield* log.mail(batch, 2), mail.slice(0, 2))
      }),
    )

    it.effect("is seen in the mailboxes that have some", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const [one, other] = [yield* opened("w"), yield* opened("w")]
        const batches = [one.batch, other.batch]
        assert.deepStrictEqual(yield* log.withMail(batches), [])
        yield* log.enqueue(other.batch, news(1), commandId())
        assert.deepStrictEqual(yield* log.withMail(batches), [other.batch])
        const handled = (yield* log.mail(other.batch, 10)).map(({ id }) => id)
        yield* append(other, 2, "m", { events: [], handled })
        assert.deepStrictEqual(yield* log.withMail(batches), [])
      }),
    )

    it.effect("is deleted in the step that answers it, and never before", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        yield* log.enqueue(owned.batch, news(1), commandId())
        yield* log.enqueue(owned.batch, news(2), commandId())
        const both = yield* log.mail(owned.batch, 10)
        const handled = both.slice(0, 1).map(({ id }) => id)
        const answer = yield* append(owned, 2, "m", { events: [], handled })
        assert.deepInclude(answer, { version: 2, mailWaiting: 1 })
        assert.deepStrictEqual(yield* log.mail(owned.batch, 10), both.slice(1))
      }),
    )

    it.effect("that is enqueued again under its id is there once, waiting or handled", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        const { batch } = owned
        const same = commandId("same", "digest")
        assert.isFalse(yield* log.wasEnqueued(batch, same))
        yield* log.enqueue(batch, news(1), same)
        yield* log.enqueue(batch, news(1), same)
        const mail = yield* log.mail(batch, 10)
        assert.strictEqual(mail.length, 1)
        assert.isTrue(yield* log.wasEnqueued(batch, same))
        const handled = mail.map(({ id }) => id)
        yield* append(owned, 2, "m", { events: [], handled })
        yield* log.enqueue(batch, news(1), same)
        assert.deepStrictEqual(yield* log.mail(batch, 10), [], "it was handled")

        const other = commandId("same", "another digest")
        assert.strictEqual((yield* Effect.flip(log.enqueue(batch, news(2), other)))._tag, "CommandIdReused")
        assert.strictEqual((yield* Effect.flip(log.wasEnqueued(batch, other)))._tag, "CommandIdReused")
        assert.deepStrictEqual(yield* log.mail(batch, 10), [])
        const { batch: stranger } = yield* opened("w")
        yield* log.enqueue(stranger, news(3), other)
        assert.strictEqual((yield* log.mail(stranger, 10)).length, 1, "ids are those of one batch")
      }),
    )

    it.effect("that was refused can be enqueued later under the same id", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const owned = yield* opened("w")
        for (let sent = 0; sent < MAILBOX_MAX; sent++)
          yield* log.enqueue(owned.batch, news(sent), commandId())
        const refused = commandId("refused")
        assert.strictEqual(
          (yield* Effect.flip(log.enqueue(owned.batch, news(9), refused)))._tag,
          "MailboxFull",
        )
        assert.isFalse(yield* log.wasEnqueued(owned.batch, refused))
        const handled = (yield* log.mail(owned.batch, 10)).map(({ id }) => id)
        yield* append(owned, 2, "m", { events: [], handled })
        yield* log.enqueue(owned.batch, news(9), refused)
        assert.strictEqual((yield* log.mail(owned.batch, 10)).length, 1)
      }),
    )

    it.effect("is refused when the mailbox is full, and for a batch that is not there", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { batch } = yield* opened("w")
        for (let sent = 0; sent < MAILBOX_MAX; sent++) yield* log.enqueue(batch, news(sent), commandId())
        assert.strictEqual((yield* Effect.flip(log.enqueue(batch, news(1), commandId())))._tag, "MailboxFull")
        const nowhere = yield* Effect.flip(log.enqueue(somePartner(log)(), news(1), commandId()))
        assert.strictEqual(nowhere._tag, "NoSuchBatch")
      }),
    )

    it.effect(
      "is refused when others that come at the same time fill the mailbox, and repeated ones are not",
      () =>
        Effect.gen(function* () {
          const log = yield* wholeLog
          const { batch } = yield* opened("w")
          const ids = Array.from({ length: MAILBOX_MAX + 2 }, () => commandId())
          const first = ids.slice(0, 1)
          const answers = yield* Effect.forEach(
            [...first, ...ids, ...first],
            (id) => Effect.result(log.enqueue(batch, news(1), id)),
            { concurrency: "unbounded" },
          )
          assert.strictEqual(answers.filter(Result.isFailure).length, 2)
          const enqueued = (yield* log.mail(batch, 10)).map(({ commandId }) => commandId)
          assert.deepStrictEqual(
            enqueued,
            ids.slice(0, MAILBOX_MAX).map(({ id }) => id),
          )
        }),
    )

    it.effect("has its own answer among those that come at the same time", () =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        const { batch } = yield* opened("w")
        const { batch: other } = yield* opened("w")
        const [first, again] = [commandId(), commandId()]
        yield* log.enqueue(batch, news(0), again)
        const answers = yield* Effect.forEach(
          [
            log.enqueue(batch, news(1), first),
            log.enqueue(somePartner(log)(), news(2), commandId()),
            log.enqueue(other, news(3), commandId()),
            log.enqueue(batch, news(0), again),
            log.enqueue(batch, news(4), { ...again, digest: "another" }),
            log.enqueue(batch, news(5), commandId()),
          ],
          (enqueued) =>
            Effect.match(enqueued, { onSuccess: () => "enqueued", onFailure: ({ _tag }) => _tag }),
          { concurrency: "unbounded" },
        )
        assert.deepStrictEqual(answers, [
          "enqueued",
          "NoSuchBatch",
          "enqueued",
          "enqueued",
          "CommandIdReused",
          "enqueued",
        ])
        const commandsOf = (one: BatchId) =>
          Effect.map(log.mail(one, 10), (mail) => mail.map(({ command }) => command))
        assert.deepStrictEqual(yield* commandsOf(batch), [news(0), news(1), news(5)])
        assert.deepStrictEqual(yield* commandsOf(other), [news(3)])
      }),
    )
  })
}
