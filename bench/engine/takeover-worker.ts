/**
 * One of the two workers of a take-over: the owner of a large batch, whose bank stops answering when half of the batch is
 * paid, or the heir, which has done other work before. Reads REDIS_URL, DATABASE_URL and MASTER_KEYS from the
 * environment, and reports in lines of JSON what happens; times are milliseconds since the epoch.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { parseArgs } from "node:util"
import { Context, Effect, Layer } from "effect"
import { EventStore } from "../../src/streams/event-store.ts"
import { Mailbox } from "../../src/streams/mailbox.ts"
import { RunQueue } from "../../src/streams/run-queue.ts"
import { engine, openBatch, payOut } from "./engine.ts"
import { noCalls } from "./providers.ts"

const { values } = parseArgs({
  options: {
    prefix: { type: "string", default: "takeover" },
    items: { type: "string", default: "15000" },
    /** The batch to take over; the owner opens its own. */
    batch: { type: "string" },
  },
})
const { prefix, batch } = values
const items = Number(values.items)

const POLL_MS = 20
/** How many payouts the heir makes first, so that its code is compiled like that of a worker in service. */
const WARM_UP = [100, 100, 100, 100, 5_000]

const calls = noCalls()
const say = (what: object): void => console.log(JSON.stringify(what))
const now = (): number => performance.timeOrigin + performance.now()

const own = Effect.gen(function* () {
  const { id } = yield* openBatch(prefix, 0, items)
  while (calls.transfers < items / 2) yield* Effect.sleep(POLL_MS)
  say({ silent: id, transfers: calls.transfers })
  yield* Effect.never
})

const inherit = Effect.gen(function* () {
  yield* Effect.forEach(WARM_UP, (items, index) => payOut(prefix, index + 1, items), { concurrency: 2 })
  Object.assign(calls, noCalls())
  say({ ready: true })
  yield* Effect.never
})

/** Observes the batch: claimed, folded (the actor reads its mailbox then), appended to, closed. */
const watched = Layer.effectContext(
  Effect.gen(function* () {
    const [store, mailbox, queue] = [yield* EventStore, yield* Mailbox, yield* RunQueue]
    const times = { claimedAt: 0, foldedAt: 0, foldCpuMs: 0, appendedAt: 0 }
    let cpu = process.cpuUsage()
    const takeOver: typeof queue.takeOver = (worker, idleMs, limit) =>
      Effect.tap(queue.takeOver(worker, idleMs, limit), (owned) =>
        Effect.sync(() => {
          if (!owned.some((one) => one.batch === batch)) return
          times.claimedAt = now()
          cpu = process.cpuUsage()
        }),
      )
    const mail: typeof mailbox.mail = (id, limit) => {
      if (id === batch && times.foldedAt === 0) {
        times.foldedAt = now()
        const { user, system } = process.cpuUsage(cpu)
        times.foldCpuMs = (user + system) / 1_000
      }
      return mailbox.mail(id, limit)
    }
    const append: typeof store.append = (owned, append) =>
      Effect.tap(store.append(owned, append), () =>
        Effect.sync(() => {
          if (owned.batch !== batch) return
          times.appendedAt ||= now()
          if (append.events.at(-1)?._tag === "BatchClosed")
            say({
              closedAt: now(),
              ...times,
              version: append.expectedVersion + append.events.length,
              ...calls,
            })
        }),
      )
    return Context.make(EventStore, { ...store, append }).pipe(
      Context.add(Mailbox, { ...mailbox, mail }),
      Context.add(RunQueue, { ...queue, takeOver }),
    )
  }),
)

const { REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, MASTER_KEYS: masterKeys = "" } = process.env
const servers = { redisUrl, databaseUrl, masterKeys, prefix, callMs: 1 }
const worker =
  batch === undefined
    ? Effect.provide(own, engine({ ...servers, batchesMax: 1, transfersMax: items / 2 }, calls))
    : Effect.provide(inherit, engine({ ...servers, batchesMax: 64 }, calls, watched))

await Effect.runPromise(Effect.scoped(worker))
