/** An operator looks after the archive at the command line. */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { inject } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { archiveStack, inRedis, keysOf, PARTITIONS, settledStory, written } from "../archive/archive-stack.ts"
import { rowsOf } from "../projections/read-model-stack.ts"
import { masterKeys } from "../settings.ts"
import { batchOf } from "../streams/log-under-test.ts"
import { archiveHere } from "./command-here.ts"

/** Runs `atlaspay archive …` on the stores of the test. */
const archive = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const { postgres, redis } = yield* AppConfig
  const settings = {
    REDIS_URL: inject("redisUrl"),
    DATABASE_URL: Redacted.value(postgres.url),
    STREAM_PREFIX: redis.prefix,
    PARTITIONS: String(PARTITIONS),
    MASTER_KEYS: masterKeys,
  }
  const { status, output } = yield* Effect.promise(() => archiveHere(settings, ...args))
  const lines = output.split("\n").map((line) => line.trim())
  // A failure is printed under a heading of its own, and then by who runs the command here.
  const isSaid = (line: string, index: number) => line !== "" && line !== "ERROR" && line !== lines[index - 1]
  return { status, lines: lines.filter(isSaid) }
})

const sumOf = (lines: ReadonlyArray<string>, column: string): number =>
  lines.reduce((sum, line) => sum + Number(JSON.parse(line)[column]), 0)

layer(archiveStack, { excludeTestServices: true })("atlaspay archive", (it) => {
  it.effect("archives, unlinks, shows and restores logs", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* written(settledStory(1)), yield* written(settledStory(2))]
      const whole = yield* inRedis(one.batch)
      assert.deepStrictEqual(yield* archive("run"), {
        status: 1,
        lines: ["Name batches, or give --all."],
      })
      assert.deepStrictEqual(yield* archive("show", one.batch), {
        status: 1,
        lines: [`The archive has no log of ${one.batch}.`],
      })
      assert.deepStrictEqual(yield* archive("run", one.batch), {
        status: 0,
        lines: ["1 logs were archived."],
      })
      assert.deepStrictEqual(yield* inRedis(one.batch), whole, "nobody said that it is to be unlinked")
      assert.deepStrictEqual(yield* archive("run", "--all", "--unlink"), {
        status: 0,
        lines: ["1 logs were archived.", "2 logs were unlinked from Redis."],
      })
      assert.deepStrictEqual(yield* inRedis(one.batch), [])

      const shown = yield* archive("show", two.batch, "--json")
      const [log, ...chunks] = shown.lines.map((line) => JSON.parse(line))
      assert.deepInclude(log, { batch: two.batch, version: two.version, head: two.head })
      assert.isNumber(log.unlinkedAt)
      assert.lengthOf(chunks, 1)
      assert.deepInclude(chunks[0], { after: 0, version: two.version, base: two.batch, head: two.head })
      assert.strictEqual(
        (yield* archive("show", two.batch)).lines[0],
        `${two.batch}: version ${two.version}, hash ${two.head}, sound`,
      )

      const restored = yield* archive("restore", one.batch)
      assert.deepStrictEqual(restored, { status: 0, lines: [`${one.batch}: the log is in Redis again.`] })
      assert.deepStrictEqual(yield* inRedis(one.batch), whole)
      assert.deepStrictEqual((yield* archive("restore", one.batch)).lines, [
        `${one.batch}: Redis has a log of it.`,
      ])
      assert.strictEqual((yield* archive("restore", batchOf(1, 1))).status, 1)
      const acts = yield* rowsOf(
        (sql) => sql`
          select act from audit_trail where subject = ${`batch:${one.batch}`} order by sequence limit 2`,
      )
      assert.deepStrictEqual(
        acts.map(({ act }) => act),
        ["archive.restore.begin", "archive.restore"],
      )
    }),
  )

  it.effect("says which logs are at fault, and which store came back older", () =>
    Effect.gen(function* () {
      const [broken, sound] = [yield* written(settledStory(1)), yield* written(settledStory(1))]
      const { commands } = yield* RedisConnections
      const keys = yield* keysOf(broken.batch)
      yield* Effect.promise(() => commands.xdel(keys.log(broken.batch), "3-0"))
      const { status, lines } = yield* archive("run", broken.batch, sound.batch)
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(lines.slice(-3), [
        `${broken.batch}, entry 4-0: expected version 3: the log has a gap`,
        "1 logs were archived.",
        "1 logs are at fault.",
      ])
      const before = yield* archive("status", "--json")
      assert.strictEqual(before.status, 0)
      assert.deepStrictEqual(
        ["archived", "waiting", "failing"].map((column) => sumOf(before.lines, column)),
        [3, 1, 1],
      )
      // More than the one that was restored, which may be in the same partition.
      yield* Effect.promise(() => commands.hincrby(keys.archived, "unlinked", 2))
      const after = yield* archive("status")
      assert.strictEqual(after.status, 1)
      assert.match(after.lines.at(-1) ?? "", /^In 1 partitions a store came back older/)
      assert.include(after.lines.join("\n"), "postgres")
    }),
  )
})
