import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { cleanText } from "../../src/domain/outside-text.ts"
import { json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { type Outside, openIban, openOutside, Payouts, perform, pipelinesOn } from "./pipelines-under-test.ts"

let outside: Outside

beforeAll(async () => {
  outside = await openOutside()
})
afterAll(() => outside.close())

it.live("records what the compliance engine decided", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Sam Sanctioned")
    const [command, ...others] = yield* perform(payouts, {
      _tag: "Screen",
      clearance: 1,
      items: payouts.numbers,
    })
    assert(command?._tag === "RecordScreening")
    const { at, ...recorded } = command
    assert.deepStrictEqual(recorded, {
      _tag: "RecordScreening",
      clearance: 1,
      clearanceId: `${payouts.id}-S1`,
      listVersion: "sandbox-2026-11-01",
      decisions: [
        { item: 1, decision: "approved", payee: "unknown" },
        { item: 2, decision: "rejected", reason: cleanText("sanctions-list-hit"), payee: "unknown" },
      ],
    })
    assert.closeTo(at, Date.now(), 30_000)
    assert.deepStrictEqual(others, [])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("asks the same question again under the same key, and hears the same answer", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Rita Review")
    const ask = perform(payouts, { _tag: "Screen", clearance: 1, items: payouts.numbers })
    const [first, again] = [yield* ask, yield* ask].map(([command]) => command)
    assert(first?._tag === "RecordScreening" && again?._tag === "RecordScreening")
    assert.deepStrictEqual(again.decisions, first.decisions)
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("clears nobody while the engine is away", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace")
    const error = yield* Effect.flip(
      perform(payouts, { _tag: "Screen", clearance: 1, items: payouts.numbers }),
    )
    assert.deepInclude(error, { _tag: "ProviderUnavailable", provider: "compliance-engine" })
  }).pipe(Effect.provide(pipelinesOn(outside, { COMPLIANCE_URL: "http://127.0.0.1:9" }))),
)

it.live("records what the engine decides later, and when it is asked again: later each time", () =>
  Effect.gen(function* () {
    const engine = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (engine) => Effect.promise(() => engine.close()),
    )
    const payouts = new Payouts("Ada Lovelace", "Grace Hopper")
    const decisions = [
      { item: 1, decision: "pending" },
      { item: 2, decision: "approved", payee: "match" },
    ]
    engine.behaviour = json(200, { clearanceId: `${payouts.id}-S1`, listVersion: "v", decisions })
    for (const [deferrals, delayMs] of [1_000, 60_000, 60_000].entries()) {
      payouts.batch.clearances.set(1, { items: payouts.numbers, askedAt: 0, decideBy: 0, deferrals })
      const [command] = yield* perform(payouts, {
        _tag: "Screen",
        clearance: 1,
        items: payouts.numbers,
      }).pipe(
        Effect.provide(
          pipelinesOn(outside, { COMPLIANCE_URL: engine.url, CLEARANCE_DELAYS_MS: "1000,60000" }),
        ),
      )
      assert(command?._tag === "RecordScreening")
      assert.deepStrictEqual(command.decisions, [{ item: 2, decision: "approved", payee: "match" }])
      assert.deepStrictEqual(command.pending, { items: [1], decideBy: command.at + delayMs })
    }
  }),
)

it.live("keeps out of the log what the engine quotes of an account, which it was never told", () =>
  Effect.gen(function* () {
    const engine = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (engine) => Effect.promise(() => engine.close()),
    )
    const payouts = new Payouts("Ada Lovelace")
    const decisions = [{ item: 1, decision: "review", reason: `on a list with ${openIban.iban}` }]
    engine.behaviour = json(200, { clearanceId: `${payouts.id}-S1`, listVersion: "v", decisions })
    const [command] = yield* perform(payouts, { _tag: "Screen", clearance: 1, items: payouts.numbers }).pipe(
      Effect.provide(pipelinesOn(outside, { COMPLIANCE_URL: engine.url })),
    )
    assert(command?._tag === "RecordScreening")
    assert.deepStrictEqual(command.decisions, [
      { item: 1, decision: "review", reason: cleanText("on a list with [redacted]") },
    ])
  }),
)
