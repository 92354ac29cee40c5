/** Logs of batches that lived through commands in any order, and of larger ones, as they are stored. */
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result } from "effect"
import type { BatchEvent } from "../../src/domain/events.ts"
import { fold } from "../../src/domain/evolve.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { StoredLogs } from "../../src/replay/stored-logs.ts"
import { chainStart, linked } from "../../src/streams/hash-chain.ts"
import { liveThrough, step, terms } from "../domain/batch-sequences.ts"
import {
  accepted,
  type CommandWithoutTime,
  failed,
  Story,
  settled,
  unknown,
  unresolved,
} from "../domain/batch-story.ts"
import { fc } from "../property.ts"
import { batchOf } from "../streams/log-under-test.ts"

/** The life of a batch of three items, of which each command is sensible or not. */
export const anyLog: fc.Arbitrary<ReadonlyArray<BatchEvent>> = fc
  .record({ terms, steps: fc.array(step, { minLength: 20, maxLength: 60 }) })
  .map(({ terms, steps }) => {
    const story = new Story()
    const live = (command: CommandWithoutTime): void => {
      const decided = story.decide(command)
      if (Result.isFailure(decided)) return
      fold(decided.success, story.batch)
      story.events.push(...decided.success)
    }
    liveThrough(story, terms, steps, live)
    return story.events
  })

/** A batch of so many items, which are paid, refused, or of which nothing is heard for a while. */
export const largeLog = (count: number): ReadonlyArray<BatchEvent> => {
  const story = new Story().requested(count)
  for (let item = 1; item <= count; item++) {
    story.hears(item, accepted)
    if (item % 5 === 0) story.hears(item, unknown)
  }
  for (let item = 1; item <= count; item++) story.hears(item, item % 9 === 0 ? failed : settled)
  story.posted("post")
  if (story.batch.tasks.release.size > 0) story.posted("release")
  story.tell({ _tag: "CloseBatch" })
  return story.events
}

/** What is rare in the others: intents in one event, a resolution that two operators give, a refused command. */
export const rareLog = (): ReadonlyArray<BatchEvent> => {
  const story = new Story().started(3).posted("hold")
  const transfer = (item: number) => ({ item, attempt: 1, reference: `ref-${item}-1`, bank: "north" })
  story.tell({ _tag: "RequestTransfers", transfers: [transfer(1), transfer(2), transfer(3)] })
  story.hears(1, unresolved)
  const said = {
    _tag: "Resolve",
    item: 1,
    attempt: 1,
    outcome: "settled",
    by: "olga",
    reason: "statement",
    policy: { aloneUpTo: {}, confirmWithinMs: 60_000 },
  } as const
  story.tell(said)
  const who = { by: "sam", credential: "partner:acme/clerk", commandId: "c-1" }
  const refused = {
    _tag: "CommandRefused",
    at: story.now,
    command: "Retry",
    reason: "not-failed",
    ...who,
  } as const
  fold([refused], story.batch)
  story.events.push(refused)
  story.tell({ ...said, by: "otto", credential: "operator:otto" })
  return story.events
}

/** Logs in memory, under the names of one partner's batches. */
export const logsInMemory = (
  logs: ReadonlyArray<ReadonlyArray<BatchEvent>>,
): StoredLogs["Service"] & { readonly batches: ReadonlyArray<BatchId> } => {
  const batches = logs.map((_, index) => batchOf(7, index + 1))
  const entriesOf = new Map(
    logs.map((events, index) => {
      const batch = batches[index] ?? batchOf(7, 0)
      return [
        batch,
        linked(chainStart(batch), events).map(
          ({ text, hash }, version) => [`${version + 1}-0`, ["e", text, "h", hash]] as const,
        ),
      ]
    }),
  )
  return {
    batches,
    entries: (batch, after, limit) =>
      Effect.succeed((entriesOf.get(batch) ?? []).slice(after, after + limit)),
    page: () => Effect.succeed({ batches: [...batches, ...batches.slice(0, 1)], next: undefined }),
  }
}

/** A copy of the domain in a folder of its own, in one line of a file of which one text is another. */
export const otherCheckout = (file?: string, text = "", other = ""): string => {
  const root = mkdtempSync(join(tmpdir(), "checkout-"))
  const folder = join(root, "src", "domain")
  cpSync("src/domain", folder, { recursive: true })
  symlinkSync(join(process.cwd(), "node_modules"), join(root, "node_modules"))
  if (file === undefined) return root
  const source = readFileSync(join(folder, file), "utf8")
  if (source.split(text).length !== 2) throw new Error(`${file} does not have once: ${text}`)
  writeFileSync(
    join(folder, file),
    source.replace(text, () => other),
  )
  return root
}
