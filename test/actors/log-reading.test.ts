/** How logs are read for their spans: apart from the actors, each once, and as far as they go. */
import { Effect, Exit, Scope } from "effect"
import { beforeEach, describe, expect, it } from "vitest"
import { readLogs } from "../../src/actors/log-reading.ts"
import { LOGS_MAX, LogsToRead } from "../../src/actors/logs-to-read.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { CorruptEntry, EventStore, type LoggedEvent } from "../../src/streams/event-store.ts"
import type { Span } from "../../src/traces/span.ts"
import { recordingWith } from "../../src/traces/tracing.ts"
import { storyIn } from "../domain/batch-story.ts"
import { eventually } from "../platform-under-test.ts"

const batch = (nth: number) => `pb_${String(nth).padStart(22, "a")}` as BatchId
const log = storyIn("settled").events.map((event, index) => ({ version: index + 1, event, hash: "" }))

type Read = EventStore["Service"]["read"]
const readsAll: Read = (_, after, limit) =>
  Effect.succeed(log.slice(after, after + limit) as Array<LoggedEvent>)

let recorded: Array<Span>
let dropped: Array<string>
beforeEach(() => {
  recorded = []
  dropped = []
})

/** Opens a reader of a store that reads like this. */
const open = async (read: Read) => {
  const scope = Effect.runSync(Scope.make())
  const recording = recordingWith(
    { percent: 100, slowMs: 1 },
    {
      record: (span) => void recorded.push(span),
      dropped: (reason, spans = 1) => void dropped.push(...Array<string>(spans).fill(reason)),
      broke: () => {},
    },
    0,
  )
  const toRead = await readLogs(recording).pipe(
    Effect.provideService(EventStore, { read } as EventStore["Service"]),
    Scope.provide(scope),
    Effect.runPromise,
  )
  return { toRead, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const names = () => recorded.map(({ name }) => name)

describe("a log", () => {
  it("that cannot be read to its end gives the spans until there", async () => {
    // The third entry breaks each page that it is in.
    const { toRead, close } = await open((id, after, limit) =>
      after + limit >= 3
        ? new CorruptEntry({ batch: id, entry: "3-0", reason: "test" })
        : readsAll(id, after, limit),
    )
    toRead({ id: batch(1), from: 0 })
    await eventually("it is counted", async () => dropped.length === 1)
    expect([dropped, names()]).toEqual([["log-unread"], ["payout batch"]])
    await close()
  })

  it("whose reading breaks holds up no other one", async () => {
    const { toRead, close } = await open((id, after, limit) =>
      id === batch(1) ? Effect.die("a mistake") : readsAll(id, after, limit),
    )
    toRead({ id: batch(1), from: 0 })
    toRead({ id: batch(2), from: 0 })
    await eventually("the other one is there", async () => names().includes("payout batch"))
    expect(dropped).toEqual(["defect"])
    await close()
  })

  it("that waits at the end is still read", async () => {
    const { toRead, close } = await open(readsAll)
    toRead({ id: batch(1), from: 0 })
    await close()
    expect([names().includes("payout batch"), dropped]).toEqual([true, []])
  })

  it("that cannot be read at the end holds up nothing, and is counted", async () => {
    const { toRead, close } = await open(() => Effect.never)
    toRead({ id: batch(1), from: 0 })
    toRead({ id: batch(2), from: 0 })
    await close()
    expect([recorded, dropped]).toEqual([[], ["stopped", "stopped"]])
  })

  it("is not read while its store is away, and is counted", async () => {
    const { toRead, close } = await open(
      () => new StoreUnavailable({ store: "redis", step: "read", reason: "test" }),
    )
    toRead({ id: batch(1), from: 0 })
    await close()
    expect([recorded, dropped]).toEqual([[], ["log-unread"]])
  })
})

describe("logs that wait", () => {
  it("are read once for all that was wanted of them, in order, and have a limit", () => {
    const logs = new LogsToRead()
    for (let nth = 0; nth < LOGS_MAX; nth++) logs.add({ id: batch(nth), from: 7 })
    expect([logs.add({ id: batch(LOGS_MAX), from: 0 }), logs.length]).toEqual([false, LOGS_MAX])
    expect([logs.add({ id: batch(0), from: 3 }), logs.add({ id: batch(0), from: 9 })]).toEqual([true, true])
    expect([logs.take(), logs.take(), logs.length]).toEqual([
      { id: batch(0), from: 3 },
      { id: batch(1), from: 7 },
      LOGS_MAX - 2,
    ])
  })
})
