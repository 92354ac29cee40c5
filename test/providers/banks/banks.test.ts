import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Banks, type TransferInstruction } from "../../../src/providers/banks/bank.ts"
import { bankKind } from "../../../src/providers/banks/bank-kind.ts"
import { banksLayer } from "../../../src/providers/banks/banks.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { payoutItem } from "../../domain/batch-story.ts"
import { providerSettings } from "../../settings.ts"
import { canary, json, MisbehavingServer } from "../calling/misbehaving-server.ts"
import { providersFile } from "../calling/providers-file.ts"

let north: MisbehavingServer
let south: MisbehavingServer
let file: Awaited<ReturnType<typeof providersFile>>

beforeAll(async () => {
  north = await MisbehavingServer.open()
  south = await MisbehavingServer.open()
  file = await providersFile(
    { north: north.url, south: south.url },
    { patienceMs: 50, breaker: { calls: 4, callsMin: 4, openMs: 60_000 }, retries: { attemptsMax: 1 } },
  )
})
afterAll(async () => {
  await Promise.all([north.close(), south.close(), file.remove()])
})

const banks = Layer.suspend(() =>
  banksLayer([instant]).pipe(Layer.provide(providerSettings({ PROVIDERS_FILE: file.path }))),
)

const instruction = (bank: string): TransferInstruction => ({
  bank,
  partner: "acme",
  reference: "AAAAAAAAAAAAAAAAAAAAAA-1-1",
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: canary } },
  currency: "EUR",
  minor: 1_234n,
})

/** A kind whose orders lie with us, except that those of some banks may have gone. */
const holding = (...gone: ReadonlyArray<string>) =>
  bankKind({
    name: `holding, but ${gone}`,
    settings: Schema.Struct({}),
    http: () => undefined,
    connect: () => Effect.die(new Error("no bank is of this kind")),
    withdraw: (bank) => Effect.succeed(gone.includes(bank) ? "may-have-gone" : "withdrawn"),
  })

it.live(
  "takes back what lies with us for a bank that is not configured any more, and of others nothing",
  () =>
    Effect.gen(function* () {
      const { withdraw, routes } = yield* Banks
      assert.strictEqual(yield* withdraw("gone", "A-1-1"), "withdrawn")
      assert.strictEqual(yield* withdraw("went", "A-1-1"), "may-have-gone", "by one of the kinds")
      assert.strictEqual(yield* withdraw("north", "A-1-1"), "may-have-gone")
      const asked = { partner: "acme", after: undefined }
      const led = routes.wayOf(payoutItem(1), asked).destination({ at: Date.now(), isHealthy: () => true })
      assert.notProperty(led, "withdrawable")
    }).pipe(
      Effect.provide(
        Layer.suspend(() =>
          banksLayer([instant, holding("went"), holding()]).pipe(
            Layer.provide(providerSettings({ PROVIDERS_FILE: file.path })),
          ),
        ),
      ),
    ),
)

it.live("sends nothing to a bank whose breaker is open, says so, and goes on with the others", () =>
  Effect.gen(function* () {
    const { transfer, inquire, invite, capacities } = yield* Banks
    north.behaviour = json(500, {})
    south.behaviour = json(202, { status: "accepted", transferId: "t" })
    const ill = yield* Effect.forEach([1, 2, 3, 4], () => transfer(instruction("north")))
    assert.isTrue(ill.every(({ _tag }) => _tag === "Ambiguous"))

    assert.deepStrictEqual<unknown>(yield* transfer(instruction("north")), {
      _tag: "Ambiguous",
      reason: "transfer: not sent, because it takes no calls now",
    })
    assert.deepStrictEqual<unknown>(yield* inquire("north", "A-1-1"), { _tag: "NotSent" })
    assert.strictEqual(north.asked.length, 4)
    const now = Date.now()
    assert.strictEqual(invite("north", 128, now), 0)
    const closed = capacities(now).get("north")
    assert.deepInclude(closed, { transfers: 0, inquiries: 0, isHealthy: false })
    assert.isAbove(closed?.admitsAgainAt ?? 0, now)

    assert.strictEqual((yield* transfer(instruction("south")))._tag, "Accepted")
    assert.strictEqual(invite("south", 128, now), 128)
    const open = capacities(now).get("south")
    const any = Number.POSITIVE_INFINITY
    assert.deepInclude(open, { transfers: any, inquiries: any, isHealthy: true })
    assert.isAtMost(open?.admitsAgainAt ?? any, now)
  }).pipe(Effect.provide(banks)),
)
