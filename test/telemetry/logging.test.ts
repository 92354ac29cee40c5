import { type Cause, Data, Effect, Logger } from "effect"
import { expect, it } from "vitest"
import { countingErrors, loggingLayer } from "../../src/telemetry/logging.ts"

const linesOf = (program: Effect.Effect<void>): ReadonlyArray<Record<string, unknown>> => {
  const lines: Array<string> = []
  Effect.runSync(program.pipe(Effect.provide(loggingLayer((line) => lines.push(line)))))
  return lines.map((line) => JSON.parse(line))
}

it("writes one line of JSON with time, level, message and annotations", () => {
  const [line] = linesOf(
    Effect.logWarning("paid\nout", { bank: "north" }).pipe(Effect.annotateLogs({ batch: "pb_x" })),
  )
  expect(line).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: "warn",
    message: "paid\nout",
    details: [{ bank: "north" }],
    batch: "pb_x",
  })
})

it("tells failures by their fields and defects with their stack, without secrets", () => {
  class Refused extends Data.TaggedError("Refused")<{ readonly bank: string; readonly account: string }> {}
  const logged = Effect.catchCause((cause: Cause.Cause<unknown>) => Effect.logError("failed", cause))
  const [failed, died] = linesOf(
    Effect.andThen(
      Effect.fail(new Refused({ bank: "north", account: "DE89370400440532013000" })).pipe(logged),
      Effect.die(new Error("no such account DE89370400440532013000")).pipe(logged),
    ).pipe(Effect.withLogSpan("paying")),
  )
  expect(failed).toMatchObject({ failures: [{ error: "Refused", bank: "north", account: "[redacted]" }] })
  expect(failed).not.toHaveProperty("cause")
  expect(died?.cause).toMatch(/no such account \[redacted\]\n +at .*logging\.test\.ts/)
  expect(died?.spans).toEqual({ paying: expect.any(Number) })
  expect(JSON.stringify([failed, died])).not.toContain("DE89370400440532013000")
})

it("counts what asks for a person, and nothing else", () => {
  let count = 0
  Effect.runSync(
    Effect.all([
      Effect.logInfo("started"),
      Effect.logWarning("again"),
      Effect.logError("wrong"),
      Effect.logFatal("over"),
    ]).pipe(Effect.provide(Logger.layer([countingErrors(() => count++)]))),
  )
  expect(count).toBe(2)
})

it("does not let an annotation pose as the message or the level", () => {
  const [line] = linesOf(
    Effect.logError("real").pipe(Effect.annotateLogs({ message: "fake", level: "info" })),
  )
  expect(line).toMatchObject({ message: "real", level: "error" })
})

it("has the batch, the partner and the trace as fields of the line, wherever they are given", () => {
  const [line] = linesOf(
    Effect.logWarning("batch lost", { worker: "w", batch: "pb_x" }).pipe(
      Effect.annotateLogs({ partner: "acme", trace: "4bf92f3577b34da6a3ce929d0e0e4736" }),
    ),
  )
  expect(line).toMatchObject({
    batch: "pb_x",
    partner: "acme",
    trace: "4bf92f3577b34da6a3ce929d0e0e4736",
    details: [{ worker: "w", batch: "pb_x" }],
  })
})
