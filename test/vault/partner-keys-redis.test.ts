import { assert, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { AppConfig } from "../../src/config.ts"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { RedisCommands } from "../../src/platform/redis-client.ts"
import { KEYS_FRESH_MS, keyIdOf, PartnerKeys } from "../../src/vault/partner-keys.ts"
import { layer, makePartnerKeys } from "../../src/vault/partner-keys-redis.ts"
import { openAccounts, sealAccounts } from "../../src/vault/sealing.ts"
import { ownPrefix, settings } from "../settings.ts"

const master = (id: string, byte: number) => `${id}=${Buffer.alloc(32, byte).toString("base64")}`
const k1 = master("k1", 1)
const k2 = master("k2", 2)

/** A process of its own on a prefix: nothing is held in memory that another has read. */
const process = (prefix: string, masters = k1, environment = {}) =>
  Layer.fresh(layer).pipe(
    Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
    Layer.provideMerge(settings({ STREAM_PREFIX: prefix, MASTER_KEYS: masters, ...environment })),
  )

const place = { partner: "acme", batch: BatchId.make(`pb_${"a".repeat(22)}`) }
const account = { scheme: "iban", iban: "GB82WEST12345698765432" } as const

const items = [{ item: 1, account: visibleOf(account) }]

const seal = Effect.gen(function* () {
  return sealAccounts(yield* (yield* PartnerKeys).current("acme"), place, items, [account])
})

/** The account if it can be read, "gone" when its key is, or why its key cannot be had. */
const read = Effect.fnUntraced(function* (sealed: string) {
  const key = yield* Effect.result((yield* PartnerKeys).find("acme", keyIdOf(sealed)))
  if (Result.isFailure(key)) return key.failure.reason
  if (key.success === undefined) return "gone"
  return Result.getOrThrow(openAccounts(key.success, place, items, sealed))[0]
})

const ringOf = Effect.gen(function* () {
  const [ring, ...others] = yield* (yield* PartnerKeys).list
  assert.isEmpty(others)
  return ring
})

it.live("is one, however many processes use it first at the same moment", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const ids = yield* Effect.all(
      Array.from({ length: 6 }, () =>
        Effect.flatMap(PartnerKeys, ({ current }) => current("acme")).pipe(Effect.provide(process(prefix))),
      ),
      { concurrency: "unbounded" },
    )
    const [first] = ids
    for (const { id, key } of ids) {
      assert.strictEqual(id, first?.id)
      assert.isTrue(first !== undefined && key.equals(first.key))
    }
    const { keys } = (yield* Effect.provide(ringOf, process(prefix))) ?? { keys: [] }
    assert.lengthOf(keys, 1)
  }),
)

it.live("is made by its first use, wrapped, and opens in every process", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const sealed = yield* Effect.provide(seal, process(prefix))
    yield* Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(sealed), account)
      const { commands } = yield* RedisConnections
      const stored = yield* Effect.promise(() => commands.hgetall(`${prefix}:keys:acme`))
      assert.deepStrictEqual(Object.keys(stored).sort(), ["1", "made"])
      const { key } = yield* (yield* PartnerKeys).current("acme")
      assert.match(stored["1"] ?? "", /^k1\.[\w-]{80}$/)
      assert.notInclude(stored["1"], key.export().toString("base64url").slice(0, 40))
    }).pipe(Effect.provide(process(prefix)))
  }),
)

it.live("opens everywhere when many processes make the first one at once", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const all = yield* Effect.all(
      Array.from({ length: 8 }, () => Effect.provide(seal, process(prefix))),
      { concurrency: "unbounded" },
    )
    const opened = yield* Effect.provide(Effect.forEach(all, read), process(prefix))
    assert.deepStrictEqual(opened, Array(8).fill(account))
  }),
)

it.live("rotates: a new one seals, the older ones go on opening, also where they were read before", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    yield* Effect.gen(function* () {
      const before = yield* seal
      const after = yield* Effect.gen(function* () {
        assert.strictEqual(yield* (yield* PartnerKeys).rotate("acme"), "2")
        return yield* seal
      }).pipe(Effect.provide(process(prefix)))
      assert.deepStrictEqual([keyIdOf(before), keyIdOf(after)], ["1", "2"])
      assert.deepStrictEqual(yield* Effect.forEach([before, after], read), [account, account])
    }).pipe(Effect.provide(process(prefix)))
  }),
)

it.live("is wrapped by a new master key, and then the old one can go", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const sealed = yield* Effect.provide(seal, process(prefix, k1))
    assert.strictEqual(
      yield* Effect.provide(read(sealed), process(prefix, k2)),
      "key 1 does not unwrap: no-such-master-key",
      "not gone: the settings may be mended",
    )
    yield* Effect.gen(function* () {
      const keys = yield* PartnerKeys
      yield* keys.rotate("acme")
      assert.deepStrictEqual((yield* ringOf)?.keys, [
        { id: "1", master: "k1" },
        { id: "2", master: "k2" },
      ])
      assert.strictEqual(yield* keys.rewrap("acme"), 1)
      assert.strictEqual(yield* keys.rewrap("acme"), 0, "once is enough")
    }).pipe(Effect.provide(process(prefix, `${k2},${k1}`)))
    assert.deepStrictEqual(yield* Effect.provide(read(sealed), process(prefix, k2)), account)
    const impostor = master("k2", 3)
    assert.strictEqual(
      yield* Effect.provide(read(sealed), process(prefix, impostor)),
      "key 1 does not unwrap: broken",
    )
  }),
)

it.live("is gone once it is forgotten, and nothing is sealed until somebody makes a new one", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    yield* Effect.gen(function* () {
      const keys = yield* PartnerKeys
      const sealed = yield* seal
      yield* keys.rotate("acme")
      yield* keys.forget("acme")
      assert.strictEqual(yield* read(sealed), "gone")
      assert.deepStrictEqual(yield* ringOf, { partner: "acme", keys: [], forgotten: true })
      const { commands } = yield* RedisConnections
      const left = yield* Effect.promise(() => commands.hkeys(`${prefix}:keys:acme`))
      assert.deepStrictEqual(left.sort(), ["forgotten", "made"])
      for (const refused of [yield* Effect.flip(seal), yield* Effect.flip(keys.rotate("acme"))])
        assert.deepInclude(refused, { _tag: "KeysForgotten", partner: "acme" })
      assert.strictEqual(yield* keys.rotate("acme", "anew"), "3", "no id comes back")
      assert.deepStrictEqual(yield* read(yield* seal), account)
      assert.strictEqual(yield* read(sealed), "gone")
    }).pipe(Effect.provide(process(prefix)))
  }),
)

/** Redis for one process, in which another forgets the keys just before a key is written. */
const forgottenMeanwhile = (commands: RedisCommands, forget: () => Promise<void>): RedisCommands =>
  new Proxy(commands, {
    get: (redis, name) => {
      const command: unknown = Reflect.get(redis, name)
      if (typeof command !== "function") return command
      return async (...given: ReadonlyArray<unknown>) => {
        if (name === "hset") await forget()
        return command.apply(redis, given)
      }
    },
  })

it.live.each([
  { what: "made", change: (keys: PartnerKeys["Service"]) => Effect.flip(keys.rotate("acme")) },
  { what: "wrapped anew", change: (keys: PartnerKeys["Service"]) => keys.rewrap("acme") },
])("stays forgotten when a key is $what at the same moment", ({ change }) =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    const sealed = yield* Effect.provide(seal, process(prefix))
    yield* Effect.gen(function* () {
      const { forget } = yield* PartnerKeys
      const { commands } = yield* RedisConnections
      const { masterKeys } = (yield* AppConfig).vault
      const slow = forgottenMeanwhile(commands, () => Effect.runPromise(forget("acme")))
      yield* change(
        yield* makePartnerKeys({ commands: slow, replicated: () => Effect.void }, prefix, masterKeys),
      )
      const left = yield* Effect.promise(() => commands.hkeys(`${prefix}:keys:acme`))
      assert.deepStrictEqual(left.sort(), ["forgotten", "made"])
      assert.strictEqual(yield* read(sealed), "gone")
    }).pipe(Effect.provide(process(prefix, `${k2},${k1}`)))
  }),
)

it.effect("is out of use everywhere a minute after it was forgotten", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    yield* Effect.gen(function* () {
      const sealed = yield* seal
      yield* Effect.provide(
        Effect.flatMap(PartnerKeys, (keys) => keys.forget("acme")),
        process(prefix),
      )
      yield* TestClock.adjust(KEYS_FRESH_MS - 1)
      assert.deepStrictEqual(yield* read(sealed), account, "this process has not looked again")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* read(sealed), "gone")
      assert.strictEqual((yield* Effect.flip(seal))._tag, "KeysForgotten")
    }).pipe(Effect.provide(process(prefix)))
  }),
)

it.live("is unavailable, and not gone, while Redis does not answer", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    yield* Effect.gen(function* () {
      const { commands } = yield* RedisConnections
      commands.disconnect()
      const keys = yield* PartnerKeys
      for (const failed of [yield* Effect.flip(keys.find("acme", "1")), yield* Effect.flip(seal)])
        assert.strictEqual(failed._tag, "VaultUnavailable")
    }).pipe(Effect.provide(process(prefix)))
  }),
)

it.live("is found at once when it was made anew elsewhere, by a process that knew it as forgotten", () =>
  Effect.gen(function* () {
    const prefix = ownPrefix()
    yield* Effect.gen(function* () {
      const keys = yield* PartnerKeys
      yield* seal
      yield* keys.forget("acme")
      const sealed = yield* Effect.gen(function* () {
        yield* (yield* PartnerKeys).rotate("acme", "anew")
        return yield* seal
      }).pipe(Effect.provide(process(prefix)))
      assert.deepStrictEqual(yield* read(sealed), account)
    }).pipe(Effect.provide(process(prefix)))
  }),
)
