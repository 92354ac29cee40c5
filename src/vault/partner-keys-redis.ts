/**
 * Partners' keys in Redis, like their logs, so that accepting a batch needs no other store. `<prefix>:keys` is the set of
 * partners. `<prefix>:keys:<partner>` is a hash:
 *
 * - `made` counts all keys ever made, so that an id is not used again after its key was forgotten;
 * - the other numbers are ids of keys, with the wrapped keys; the highest one seals;
 * - `forgotten` is the time at which all keys were destroyed. While it exists, nothing is sealed or opened.
 *
 * Each command is atomic, and a process that adds a key checks `forgotten` afterwards. So no key survives being
 * forgotten, in whatever order processes make, rewrap and forget keys.
 */
import type { KeyObject } from "node:crypto"
import { Cache, DateTime, Duration, Effect, Exit, Layer, Semaphore } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import type { MasterKeys } from "../settings/keys.ts"
import { keyWrapping, masterOf } from "./key-wrapping.ts"
import { type DataKey, KEYS_FRESH_MS, KeysForgotten, PartnerKeys, VaultUnavailable } from "./partner-keys.ts"

/** The connections that the keys need. With the barrier, a failover cannot lose a key that has sealed something. */
export type KeyConnections = Pick<RedisConnections["Service"], "commands" | "replicated">

/** The content of a hash: wrapped keys by id, the oldest first. */
interface Stored {
  readonly wrapped: ReadonlyMap<string, string>
  readonly forgotten: boolean
}

/** A partner's keys in memory: each as a key, or as the reason why the master keys do not unwrap it. */
interface Ring {
  readonly newest: string | undefined
  readonly keys: ReadonlyMap<string, KeyObject | string>
  readonly forgotten: boolean
}

const PARTNERS_CACHED_MAX = 1_000

/** The keys in REDIS_URL, wrapped by MASTER_KEYS. */
export const layer = Layer.effect(
  PartnerKeys,
  Effect.gen(function* () {
    const { redis, vault } = yield* AppConfig
    return yield* makePartnerKeys(yield* RedisConnections, redis.prefix, vault.masterKeys)
  }),
)

/** The keys in Redis, under a key prefix. */
export const makePartnerKeys = Effect.fnUntraced(function* (
  connections: KeyConnections,
  prefix: string,
  masterKeys: MasterKeys,
) {
  const wrapping = keyWrapping(masterKeys)
  const store = keyStore(connections, prefix)

  const load = Effect.fnUntraced(function* (partner: string): Effect.fn.Return<Ring, VaultUnavailable> {
    const { wrapped, forgotten } = yield* store.read(partner)
    if (forgotten) return { newest: undefined, keys: new Map(), forgotten }
    const keys = new Map([...wrapped].map(([id, text]) => [id, wrapping.unwrap(partner, id, text)]))
    return { newest: [...wrapped.keys()].at(-1), keys, forgotten }
  })
  const rings = yield* Cache.makeWith(load, {
    capacity: PARTNERS_CACHED_MAX,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.millis(KEYS_FRESH_MS) : Duration.zero),
  })
  const reread = (partner: string) => Cache.refresh(rings, partner)

  const add = Effect.fnUntraced(function* (partner: string, put: typeof store.add) {
    const id = yield* store.nextId(partner)
    const isMade = yield* put(partner, id, wrapping.make(partner, id))
    if (isMade) yield* Effect.logInfo("partner key made", { partner, id })
    const ring = yield* reread(partner)
    if (ring.forgotten) yield* store.remove(partner, [id])
    return ring
  })

  /**
   * Many batches may be a partner's first at the same time, in many processes: one of them makes the key, and the others
   * find it. What one process digests with it the others digest alike.
   */
  const making = Semaphore.makeUnsafe(1)
  const first = (partner: string) =>
    making.withPermit(
      Effect.flatMap(Cache.get(rings, partner), (cached) =>
        cached.newest === undefined && !cached.forgotten
          ? add(partner, store.addFirst)
          : Effect.succeed(cached),
      ),
    )

  return PartnerKeys.of({
    current: Effect.fnUntraced(function* (partner) {
      const cached = yield* Cache.get(rings, partner)
      const ring = cached.newest === undefined && !cached.forgotten ? yield* first(partner) : cached
      if (ring.forgotten || ring.newest === undefined) return yield* new KeysForgotten({ partner })
      return yield* usable(ring, ring.newest)
    }),
    find: Effect.fnUntraced(function* (partner, id) {
      const cached = yield* Cache.get(rings, partner)
      // Another process may just have made the key. Only a fresh read shows that a key is gone.
      const ring = cached.keys.has(id) ? cached : yield* reread(partner)
      return ring.keys.has(id) ? yield* usable(ring, id) : undefined
    }),
    list: Effect.gen(function* () {
      const partners = yield* store.partners
      return yield* Effect.forEach([...partners].sort(), (partner) =>
        Effect.map(store.read(partner), ({ wrapped, forgotten }) => {
          const keys = [...wrapped].map(([id, text]) => ({ id, master: masterOf(text) }))
          return { partner, keys, forgotten }
        }),
      )
    }),
    rotate: Effect.fn("PartnerKeys.rotate")(function* (partner, anew) {
      const { wrapped, forgotten } = yield* store.read(partner)
      if (forgotten && anew === undefined) return yield* new KeysForgotten({ partner })
      if (forgotten) yield* store.remember(partner, [...wrapped.keys()])
      const { newest } = yield* add(partner, store.add)
      return newest ?? (yield* new KeysForgotten({ partner }))
    }),
    forget: Effect.fn("PartnerKeys.forget")(function* (partner) {
      yield* store.forget(partner, DateTime.formatIso(yield* DateTime.now))
      yield* Effect.logWarning("partner keys forgotten", { partner })
      yield* reread(partner)
    }),
    rewrap: Effect.fn("PartnerKeys.rewrap")(function* (partner) {
      const { wrapped, forgotten } = yield* store.read(partner)
      if (forgotten) return 0
      const older = [...wrapped].filter(([, text]) => masterOf(text) !== wrapping.master)
      const ring = yield* reread(partner)
      for (const [id] of older) {
        const { key } = yield* usable(ring, id)
        yield* store.add(partner, id, wrapping.rewrap(partner, id, key))
      }
      if ((yield* reread(partner)).forgotten)
        yield* store.remove(
          partner,
          older.map(([id]) => id),
        )
      return older.length
    }),
  })
})

/** A key of a ring. Fails if the master keys do not unwrap it: it is not gone, and other settings may unwrap it. */
const usable = ({ keys }: Ring, id: string): Effect.Effect<DataKey, VaultUnavailable> => {
  const key = keys.get(id) ?? "missing"
  return typeof key === "string"
    ? Effect.fail(new VaultUnavailable({ reason: `key ${id} does not unwrap: ${key}` }))
    : Effect.succeed({ id, key })
}

/** The commands on Redis. Each one uses a single key of Redis. */
const keyStore = ({ commands: redis, replicated }: KeyConnections, prefix: string) => {
  const hash = (partner: string) => `${prefix}:keys:${partner}`
  const run = <A>(command: () => Promise<A>) =>
    Effect.mapError(attempt(command), ({ reason }) => new VaultUnavailable({ reason }))
  const read = (partner: string) =>
    Effect.map(
      run(() => redis.hgetall(hash(partner))),
      storedIn,
    )
  /**
   * Resolves once the replicas have fields of a partner's hash as `isIn` expects them; `null` means that a field is gone.
   */
  const kept = (
    partner: string,
    fields: ReadonlyArray<string>,
    isIn: (values: ReadonlyArray<string | null>) => boolean,
  ) =>
    replicated(hash(partner), {
      command: ["HMGET", hash(partner), ...fields],
      isIn: (answer) => isIn(answer as ReadonlyArray<string | null>),
    }).pipe(Effect.mapError(({ reason }) => new VaultUnavailable({ reason })))
  const remove = (partner: string, ids: ReadonlyArray<string>) =>
    ids.length === 0 ? Effect.void : Effect.asVoid(run(() => redis.hdel(hash(partner), ...ids)))
  return {
    read,
    remove,
    partners: run(() => redis.smembers(`${prefix}:keys`)),
    nextId: (partner: string) =>
      Effect.map(
        run(() => redis.hincrby(hash(partner), "made", 1)),
        String,
      ),
    /** Adds or replaces a key. First adds the partner to the set. Resolves once replicas have the key, before it seals. */
    add: (partner: string, id: string, wrapped: string) =>
      run(() => redis.sadd(`${prefix}:keys`, partner)).pipe(
        Effect.andThen(run(() => redis.hset(hash(partner), id, wrapped))),
        Effect.andThen(kept(partner, [id], ([value]) => value === wrapped)),
        Effect.as(true),
      ),
    /** Adds a key unless there is one, in one step. Either way replicas have the one that is there before it seals. */
    addFirst: (partner: string, id: string, wrapped: string) =>
      run(() => redis.sadd(`${prefix}:keys`, partner)).pipe(
        Effect.andThen(run(() => redis.eval(putFirst, 1, hash(partner), id, wrapped))),
        Effect.flatMap((answer) => {
          const [there = "", value = ""] = answer as ReadonlyArray<string>
          return Effect.as(
            kept(partner, [there], ([found]) => found === value),
            there === id,
          )
        }),
      ),
    /** Sets `forgotten` before it removes the keys. After a crash in between, nothing opens, and a retry completes it. */
    forget: (partner: string, at: string) =>
      Effect.gen(function* () {
        yield* run(() => redis.hset(hash(partner), "forgotten", at))
        const { wrapped } = yield* read(partner)
        const ids = [...wrapped.keys()]
        yield* remove(partner, ids)
        // A failover must not bring destroyed keys back.
        yield* kept(
          partner,
          ["forgotten", ...ids],
          ([forgotten, ...left]) => forgotten !== null && left.every((key) => key === null),
        )
      }),
    /** Removes keys that a crash has left, and then `forgotten`. */
    remember: (partner: string, left: ReadonlyArray<string>) =>
      Effect.andThen(remove(partner, left), Effect.asVoid(run(() => redis.hdel(hash(partner), "forgotten")))),
  }
}

/** KEYS: the hash of a partner. ARGV: id and wrapped key. Gives the id and the wrapped key that are there. */
const putFirst = `
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.match(field, '^%d+$') then return { field, redis.call('HGET', KEYS[1], field) } end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return { ARGV[1], ARGV[2] }`

const storedIn = (fields: Readonly<Record<string, string>>): Stored => {
  const ids = Object.keys(fields).filter((field) => /^\d+$/.test(field))
  const inOrder = ids.sort((one, other) => Number(one) - Number(other))
  return {
    wrapped: new Map(inOrder.map((id) => [id, fields[id] ?? ""])),
    forgotten: fields.forgotten !== undefined,
  }
}
