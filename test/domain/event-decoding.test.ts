/** Events are read by decoders of their own kind. They read what the one schema of all events reads, and refuse what it refuses. */
import { Result, Schema } from "effect"
import { expect, it } from "vitest"
import { decodeEvent, encodeEvent } from "../../src/domain/event-codec.ts"
import { BatchEvent, PayoutItem } from "../../src/domain/events.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { withCleanTexts } from "../../src/domain/outside-text.ts"
import { CLEAN, upcast } from "../../src/domain/upcasters.ts"
import { fc } from "../property.ts"
import { liveThrough, step, terms } from "./batch-sequences.ts"
import { Story } from "./batch-story.ts"

type Json = Readonly<Record<string, unknown>>

const bySchema = Schema.decodeUnknownResult(BatchEvent)

/** One decoder for all kinds, and every text cleaned of an event that does not say that it is clean. */
const decodedPlainly = (text: string): Result.Result<BatchEvent, string> =>
  Result.flatMap(upcast(JSON.parse(text)), (event) =>
    Result.mapError(
      bySchema(event.clean === CLEAN ? event : withCleanTexts(event)),
      ({ message }) => message,
    ),
  )

/** Values that fields may not have, and some that they may. */
const strange = fc.constantFrom<unknown>(null, -1, 0, 7, 0.5, "", "x", "held", true, [], [{}], {}, undefined)

/** An event with one of its fields, at any depth, replaced, removed or added. */
const spoiled = (value: unknown, path: ReadonlyArray<number>, by: unknown): unknown => {
  if (typeof value !== "object" || value === null || path.length === 0) return by
  const [turn = 0, ...rest] = path
  const keys = [...Object.keys(value), "another"]
  const key = keys[turn % keys.length] ?? "another"
  const inner = spoiled((value as Json)[key], rest, by)
  return Array.isArray(value)
    ? value.map((one, index) => (String(index) === key ? inner : one))
    : { ...value, [key]: inner }
}

it("is read as the schema of all events reads it, or refused with the same words", () => {
  const kinds = new Set<string>()
  let refused = 0
  fc.assert(
    fc.property(
      terms,
      fc.array(step, { minLength: 10, maxLength: 30 }),
      fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
      strange,
      (terms, steps, path, by) => {
        const story = new Story()
        liveThrough(story, terms, steps, (command) => {
          const decided = Result.getOrElse(story.decide(command), () => [])
          for (const event of decided) evolve(story.batch, event)
          story.events.push(...decided)
        })
        for (const event of story.events) {
          const text = encodeEvent(event)
          expect(decodeEvent(text)).toEqual(Result.succeed(event))
          const { clean, ...unclean } = JSON.parse(text)
          for (const json of [unclean, spoiled(JSON.parse(text), path, by), spoiled(unclean, path, by)]) {
            const changed = JSON.stringify(json) ?? "null"
            if (!changed.startsWith("{")) continue
            const [read, plainly] = [decodeEvent(changed), decodedPlainly(changed)]
            if (event._tag === "ItemsReceived" && Result.isFailure(plainly))
              expect(Result.isFailure(read)).toBe(true)
            else expect(read).toEqual(plainly)
            if (Result.isFailure(read)) refused += 1
          }
          kinds.add(event._tag)
        }
      },
    ),
    { numRuns: 200 },
  )
  expect(refused).toBeGreaterThan(500)
  expect(kinds.size).toBeGreaterThan(20)
})

it("has every field that a payout is received with, and is written with them", () => {
  const item = {
    item: 1,
    reference: "invoice 1",
    beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", country: "DE", lastFour: "3000" } },
    currency: "EUR",
    minor: "1250",
    remittance: "thanks",
  }
  expect(Object.keys(item)).toEqual(Object.keys(PayoutItem.fields))
  const text = JSON.stringify({ _tag: "ItemsReceived", at: 1, items: [item], sealed: "1.AAAAAAAAAAAA" })
  const event = Result.getOrThrow(decodeEvent(text))
  expect(event).toMatchObject({ items: [{ ...item, minor: 1_250n }] })
  expect(JSON.parse(encodeEvent(event)).items).toEqual([item])
})
