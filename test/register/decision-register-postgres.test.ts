import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schedule } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { MailCommand } from "../../src/domain/commands.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { DecisionRegister } from "../../src/register/decision-register.ts"
import { layer as decisionsInPostgres } from "../../src/register/decision-register-postgres.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { layer as instructionsInPostgres } from "../../src/register/instruction-register-postgres.ts"
import { databaseLayer, type OwnDatabase, ownDatabase } from "../database.ts"
import { newBatchId } from "../publisher/story.ts"
import { settings } from "../settings.ts"

let database: OwnDatabase

beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const registers = Layer.suspend(() =>
  Layer.mergeAll(Layer.fresh(decisionsInPostgres), Layer.fresh(instructionsInPostgres)).pipe(
    Layer.provideMerge(Layer.fresh(databaseLayer)),
    Layer.provide(settings({ DATABASE_URL: database.url })),
  ),
)

const cancellation: MailCommand = {
  _tag: "Cancel",
  at: 1,
  items: [],
  by: "alice",
  reason: cleanText("fraud"),
}

/** A decision about a batch of its own. */
const decisionOf = (id = "one", digest = "digest") => ({
  batch: newBatchId(),
  id,
  digest,
  command: cancellation,
})

const attemptOf = ({ batch }: { readonly batch: ReturnType<typeof newBatchId> }) => ({
  batch,
  item: 1,
  attempt: 1,
  bank: "north",
})

const none: ReadonlySet<string> = new Set()

it.live("keeps a decision once, and says when its id stands for another one", () =>
  Effect.gen(function* () {
    const { keep } = yield* DecisionRegister
    const { standing } = yield* InstructionRegister
    const { digest, ...decision } = decisionOf()
    const takenOn = { batch: decision.batch, version: 4, head: "four" }
    assert.strictEqual(yield* keep({ ...decision, digest }, takenOn), "kept")
    assert.strictEqual(yield* keep({ ...decision, digest }, takenOn), "kept")
    assert.strictEqual(yield* keep({ ...decision, digest: "another" }, takenOn), "differs")
    assert.deepStrictEqual(yield* standing(decision.batch, 0), {
      tail: takenOn,
      isLossAccepted: false,
      decisions: [decision],
    })
  }).pipe(Effect.provide(registers)),
)

it.live(
  "adds a person's decision to the audit trail once, with the decision, and says when it was dropped",
  () =>
    Effect.gen(function* () {
      const { keep, drop } = yield* DecisionRegister
      const { query } = yield* Postgres
      const decision = decisionOf()
      const subject = `payout-item:${decision.batch}/1`
      const by = { who: "operator:alice", address: "203.0.113.9", name: "Alice" }
      const act = {
        act: "payout-item.review",
        subject,
        before: { state: "held" },
        after: { decision: "released" },
      }
      const trail = query(
        "test",
        (sql) => sql`
        select who, address, name, act, before, after from audit_trail where subject = ${subject} order by sequence`,
      ).pipe(Effect.map((rows) => rows.map((row) => ({ ...row }))))
      const entry = { ...by, act: act.act, before: act.before, after: act.after }
      for (const digest of [decision.digest, decision.digest, "another"])
        yield* keep({ ...decision, digest }, undefined, { ...act, by })
      assert.deepStrictEqual(yield* trail, [entry])
      yield* drop(decision.batch, decision.id, { ...act, by })
      assert.deepStrictEqual(yield* trail, [entry], "one of two who kept it still counts on it")
      yield* drop(decision.batch, decision.id, { ...act, by })
      assert.deepStrictEqual(yield* trail, [entry, { ...entry, act: "payout-item.review.dropped" }])
    }).pipe(Effect.provide(registers)),
)

it.live("no attempt is recorded while a decision waits that the log has not answered", () =>
  Effect.gen(function* () {
    const { keep, drop } = yield* DecisionRegister
    const { record } = yield* InstructionRegister
    const { digest, ...decision } = decisionOf()
    const tail = { batch: decision.batch, version: 5, head: "five" }
    const another = decisionOf()
    yield* keep({ ...decision, digest }, undefined)
    yield* keep({ ...decision, id: "two", digest }, undefined)
    const [waits, goesOn] = yield* Effect.all(
      [
        record([attemptOf(decision)], tail, new Set(["two"])),
        record([attemptOf(another)], { ...tail, batch: another.batch }, none),
      ],
      { concurrency: "unbounded" },
    )
    assert.deepStrictEqual(waits, { registered: [], decisions: [decision] })
    assert.deepStrictEqual(goesOn, { registered: [], decisions: [] })
    yield* drop(decision.batch, "one")
    assert.deepStrictEqual(yield* record([attemptOf(decision)], tail, new Set(["two"])), {
      registered: [],
      decisions: [],
    })
    assert.deepStrictEqual((yield* record([attemptOf(decision)], tail, new Set(["two"]))).registered, [
      attemptOf(decision),
    ])
  }).pipe(Effect.provide(registers)),
)

it.live("a decision that was answered waits no more, moves the log's tail, and stays", () =>
  Effect.gen(function* () {
    const { keep, drop, answered } = yield* DecisionRegister
    const { standing } = yield* InstructionRegister
    const decision = decisionOf()
    yield* keep(decision, { batch: decision.batch, version: 4, head: "four" })
    const tail = { batch: decision.batch, version: 6, head: "six" }
    yield* answered(tail, ["one", "of nobody"])
    const known = yield* standing(decision.batch, 0).pipe(
      Effect.repeat({ until: ({ decisions }) => decisions.length === 0, schedule: Schedule.spaced(10) }),
    )
    assert.deepStrictEqual(known.tail, tail)
    yield* drop(decision.batch, "one")
    assert.strictEqual(yield* keep({ ...decision, digest: "another" }, undefined), "differs")
  }).pipe(Effect.provide(registers)),
)

it.live("a log need not match what was noted before a loss was accepted, and that is decided again", () =>
  Effect.gen(function* () {
    const { keep, answered, acceptLoss } = yield* DecisionRegister
    const { standing, rebase } = yield* InstructionRegister
    const decision = decisionOf()
    yield* keep(decision, undefined)
    yield* answered({ batch: decision.batch, version: 6, head: "six" }, ["one"])
    yield* standing(decision.batch, 7).pipe(
      Effect.repeat({ until: ({ tail }) => tail?.version === 6, schedule: Schedule.spaced(10) }),
    )
    yield* acceptLoss(7, "olivia", "reconciled")
    assert.isFalse((yield* standing(decision.batch, 8)).isLossAccepted)
    assert.isTrue((yield* standing(decision.batch, 7)).isLossAccepted)
    const tail = { batch: decision.batch, version: 3, head: "three" }
    yield* rebase(tail)
    const known = yield* standing(decision.batch, 7)
    assert.deepStrictEqual(known.tail, tail)
    assert.isFalse(known.isLossAccepted)
    assert.deepStrictEqual(
      known.decisions.map(({ id }) => id),
      ["one"],
    )
  }).pipe(Effect.provide(registers)),
)

it.live("a decision that was told by one of two who kept it is not dropped by the other one", () =>
  Effect.gen(function* () {
    const { keep, drop } = yield* DecisionRegister
    const { standing } = yield* InstructionRegister
    const decision = decisionOf()
    const waiting = () => Effect.map(standing(decision.batch, 0), ({ decisions }) => decisions.length)
    yield* keep(decision, undefined)
    yield* keep(decision, undefined)
    yield* keep({ ...decision, digest: "of another that was refused" }, undefined)
    yield* drop(decision.batch, "one")
    assert.strictEqual(yield* waiting(), 1)
    yield* keep(decision, undefined)
    yield* Effect.all([drop(decision.batch, "one"), drop(decision.batch, "one")], { concurrency: 2 })
    assert.strictEqual(yield* waiting(), 0)
  }).pipe(Effect.provide(registers)),
)

it.live("a decision that nobody answers is overdue for one of those who ask, and then ever more rarely", () =>
  Effect.gen(function* () {
    const { keep, answered, overdue } = yield* DecisionRegister
    const decision = decisionOf()
    const done = decisionOf()
    yield* keep(decision, undefined)
    yield* keep({ ...decision, id: "two" }, undefined)
    yield* keep(done, undefined)
    yield* answered({ batch: done.batch, version: 6, head: "six" }, ["one"])
    const own = (idleMs: number, limit: number) =>
      Effect.map(overdue(idleMs, limit), (all) => all.filter(({ batch }) => batch === decision.batch))
    assert.deepStrictEqual(yield* own(60_000, 10), [])
    yield* kept("10 minutes", decision.batch)
    yield* kept("1 minute", done.batch)
    assert.deepStrictEqual(
      (yield* Effect.all([own(60_000, 1), own(60_000, 1)], { concurrency: 2 })).flat().toSorted(byId),
      [decision, { ...decision, id: "two" }],
    )
    assert.deepStrictEqual(yield* own(0, 10), [])
    yield* pass("9 minutes", decision.batch)
    assert.deepStrictEqual(yield* own(0, 10), [])
    yield* pass("2 minutes", decision.batch)
    assert.deepStrictEqual(yield* own(0, 10), [decision, { ...decision, id: "two" }])
    yield* kept("2 days", decision.batch)
    assert.lengthOf(yield* own(0, 10), 2)
    yield* pass("61 minutes", decision.batch)
    assert.lengthOf(yield* own(0, 10), 2)
  }).pipe(Effect.provide(registers)),
)

it.live("an overdue decision that another worker is taking is left to it", () =>
  Effect.gen(function* () {
    const [{ keep, overdue }, { query }] = [yield* DecisionRegister, yield* Postgres]
    const decision = decisionOf()
    for (const id of ["one", "two"]) yield* keep({ ...decision, id }, undefined)
    yield* kept("3 days", decision.batch)
    const own = Effect.map(overdue(60_000, 10), (all) =>
      all.filter(({ batch }) => batch === decision.batch).map(({ id }) => id),
    )
    const [isTaken, isOver] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const other = query("test", (sql) =>
      sql.begin(async (own) => {
        await own`select from decision_register where batch = ${decision.batch} and id = 'one' for update`
        Deferred.doneUnsafe(isTaken, Effect.void)
        await Effect.runPromise(Deferred.await(isOver))
      }),
    )
    const worker = yield* Effect.forkChild(other)
    yield* Deferred.await(isTaken)
    assert.deepStrictEqual(yield* own, ["two"])
    yield* Deferred.succeed(isOver, undefined)
    yield* Fiber.join(worker)
    assert.deepStrictEqual(yield* own, ["one"])
  }).pipe(Effect.provide(registers)),
)

const byId = (one: { readonly id: string }, other: { readonly id: string }) => (one.id < other.id ? -1 : 1)

/** Decisions about a batch were kept so long ago, and never told again. */
const kept = Effect.fnUntraced(function* (ago: string, batch: string) {
  yield* (yield* Postgres).query(
    "test",
    (sql) =>
      sql`update decision_register set kept_at = now() - ${ago}::interval, due_at = now() - ${ago}::interval where batch = ${batch}`,
  )
})

/** Time passes for the decisions about a batch. */
const pass = Effect.fnUntraced(function* (time: string, batch: string) {
  yield* (yield* Postgres).query(
    "test",
    (sql) => sql`update decision_register set due_at = due_at - ${time}::interval where batch = ${batch}`,
  )
})

it.live("tells how far logs had come at the last answer, and has decisions taken again that were lost", () =>
  Effect.gen(function* () {
    const { keep, answered, decided, recall, overdue } = yield* DecisionRegister
    const decision = decisionOf()
    const tail = { batch: decision.batch, version: 6, head: "six" }
    for (const id of ["one", "two", "three"]) yield* keep({ ...decision, id }, undefined)
    yield* answered({ ...tail, version: 5, head: "five" }, ["one"])
    yield* answered(tail, ["two"])
    const all = Effect.gen(function* () {
      const found = []
      for (let after = ""; ; ) {
        const page = yield* decided(after, 1)
        found.push(...page)
        const last = page.at(-1)
        if (last === undefined) return found.filter(({ batch }) => batch === decision.batch)
        after = last.batch
      }
    })
    const known = yield* all.pipe(
      Effect.repeat({ until: ([one]) => one?.answered?.version === 6, schedule: Schedule.spaced(10) }),
    )
    assert.deepStrictEqual(known, [{ batch: decision.batch, answered: tail }])
    yield* recall([decision.batch])
    assert.deepStrictEqual(yield* all, [{ batch: decision.batch, answered: undefined }])
    const again = (yield* overdue(0, 1_000)).filter(({ batch }) => batch === decision.batch)
    assert.deepStrictEqual(
      again.map(({ id }) => id),
      ["one", "two", "three"],
    )
  }).pipe(Effect.provide(registers)),
)

it.live("gives back how many attempts it had forgotten", () =>
  Effect.gen(function* () {
    const { record, restore, standing } = yield* InstructionRegister
    const decision = decisionOf()
    const tail = { batch: decision.batch, version: 5, head: "five" }
    yield* record([attemptOf(decision)], tail, none)
    const later = { ...tail, version: 9, head: "nine" }
    assert.strictEqual(yield* restore([attemptOf(decision)], later), 0)
    assert.deepStrictEqual((yield* standing(decision.batch, 0)).tail, tail)
    assert.strictEqual(yield* restore([attemptOf(decision), { ...attemptOf(decision), item: 2 }], later), 1)
    assert.deepStrictEqual((yield* standing(decision.batch, 0)).tail, later)
  }).pipe(Effect.provide(registers)),
)
