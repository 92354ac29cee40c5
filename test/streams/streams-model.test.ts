/**
 * The model test: a hundred thousand random operations (a quarter of them in `npm run test:slow`), in many independent stories side
 * by side, are each given to the event log in memory and to the one on Redis. Every answer must be the same.
 *
 * The seed is that of all properties: a failure names it, and PROPERTY_SEED=<seed> repeats the run.
 */
import { isDeepStrictEqual } from "node:util"
import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Result } from "effect"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { LogArchive } from "../../src/streams/log-archive.ts"
import { LogUnlinking } from "../../src/streams/log-unlinking.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { lengthOf } from "../length.ts"
import { ofAllExamples, seed } from "../property.ts"
import { ownPrefix, settings } from "../settings.ts"
import { MemoryArchive } from "./memory-archive.ts"
import { type Answer, type Operation, Subject } from "./model-operations.ts"
import { Random, World } from "./model-world.ts"
import { layerOverArchive as streamsInMemory } from "./streams-memory.ts"
import { type Streams, wholeLog } from "./whole-log.ts"

const STORIES = lengthOf({ full: 64, short: 16 })
const OPERATIONS = 1_550
const HISTORY_SHOWN = 12
/** Ten times as long as on an idle machine. */
const MODEL_MS_MAX = 600_000

/** What must come of it often, or the stories are not worth much. */
const expected = [
  "open: Opened",
  "open: Exists",
  "enqueue: done",
  "enqueue: MailboxFull",
  "enqueue: NoSuchBatch",
  "enqueue: CommandIdReused",
  "wasEnqueued: true",
  "wasEnqueued: false",
  "wasEnqueued: CommandIdReused",
  "append: done",
  "append: OwnershipLost taken-over",
  "append: OwnershipLost log-moved-on",
  "read: done",
  "read: CorruptEntry",
  "unlink: unlinked",
  "unlink: busy",
  "unlink: moved",
  "restore: restored",
  "restore: there",
  "release: released",
  "release: mail-waiting",
  "release: OwnershipLost taken-over",
  "handOver: done",
  "handOver: OwnershipLost taken-over",
]
/** In each hundred thousand operations. */
const OFTEN = 50

const wordOf = ({ does }: Operation, answer: Answer): string => {
  const fields = (Result.isSuccess(answer) ? answer.success : answer.failure) as
    | { readonly _tag?: string; readonly reason?: string }
    | string
    | boolean
    | undefined
  if (typeof fields === "string" || typeof fields === "boolean") return `${does}: ${fields}`
  const reason = fields?._tag === "OwnershipLost" ? ` ${fields.reason}` : ""
  return `${does}: ${fields?._tag ?? "done"}${reason}`
}

/** The world's time, for both adapters alike. Waiting takes none of it. */
const clockOf = (world: World): Clock.Clock => ({
  currentTimeMillisUnsafe: () => world.now,
  currentTimeMillis: Effect.sync(() => world.now),
  currentTimeNanosUnsafe: () => BigInt(world.now) * 1_000_000n,
  currentTimeNanos: Effect.sync(() => BigInt(world.now) * 1_000_000n),
  monotonicTimeNanosUnsafe: () => BigInt(world.now) * 1_000_000n,
  monotonicTimeNanos: Effect.sync(() => BigInt(world.now) * 1_000_000n),
  sleep: () => Effect.yieldNow,
})

/** One story from its beginning to its end; counts what came of its operations. */
const story = Effect.fnUntraced(function* (number: number, counts: Map<string, number>) {
  const random = new Random(seed + number)
  const partitions = 2 + random.below(3)
  const appConfig = settings({
    STREAM_PREFIX: ownPrefix(),
    PARTITIONS: String(partitions),
    MAILBOX_MAX: String(2 + random.below(3)),
    PARTNER_SHARE: String(1 + random.below(3)),
  })
  const subject = Effect.fnUntraced(function* <E, R>(
    adapter: Layer.Layer<Streams | LogUnlinking, E, R | LogArchive>,
  ) {
    const archive = new MemoryArchive(partitions)
    const context = yield* Layer.build(Layer.fresh(adapter.pipe(Layer.provide(archive.layer))))
    const log = yield* Effect.provide(wholeLog, context)
    return new Subject(log, yield* Effect.provide(Effect.service(LogUnlinking), context), archive)
  })
  const memory = yield* subject(streamsInMemory.pipe(Layer.provide(appConfig)))
  const redis = yield* subject(streamsOnRedis.pipe(Layer.provide(appConfig)))

  const world = new World(random, partitions)
  const history: Array<Operation> = []
  const compare = Effect.fnUntraced(
    function* (operation: Operation) {
      history.push(operation)
      const answer = yield* memory.answer(operation)
      const same = yield* redis.answer(operation)
      const told = () =>
        [
          ofAllExamples(`story ${number}, operation ${history.length}`),
          ...history.slice(-HISTORY_SHOWN).map((operation) => JSON.stringify(operation)),
        ].join("\n")
      if (!isDeepStrictEqual(answer, same)) assert.deepStrictEqual(same, answer, told())
      const word = wordOf(operation, answer)
      counts.set(word, (counts.get(word) ?? 0) + 1)
      world.heard(operation, answer)
    },
    Effect.provideService(Clock.Clock, clockOf(world)),
  )

  for (let done = 0; done < OPERATIONS; done++) yield* compare(world.next())
  for (const operation of world.closing()) yield* compare(operation)
})

layer(RedisConnections.layer.pipe(Layer.provide(settings())), { excludeTestServices: true })(
  "the event log in memory and the one on Redis",
  (it) => {
    it.effect(
      `give the same answers to ${STORIES * OPERATIONS} random operations`,
      () =>
        Effect.gen(function* () {
          const counts = new Map<string, number>()
          const stories = Array.from({ length: STORIES }, (_, number) => story(number, counts))
          yield* Effect.all(stories.map(Effect.scoped), { concurrency: "unbounded" })
          const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
          assert.isAtLeast(total, STORIES * OPERATIONS)
          const seldom = expected.filter((word) => (counts.get(word) ?? 0) < (OFTEN * total) / 100_000)
          assert.deepStrictEqual(seldom, [], ofAllExamples("what came of it too seldom"))
        }),
      MODEL_MS_MAX,
    )
  },
)
