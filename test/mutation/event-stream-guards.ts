/** Guards around what the event stream may lose, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const lost = "test/publisher/lost-stream.test.ts"
const mark = "test/publisher/stream-mark.test.ts"

export const eventStreamGuards: ReadonlyArray<StepGuard> = [
  {
    name: "another stream of the same name is recognised",
    file: "publisher/stream-mark.ts",
    text: 'if (facts.created !== mark.created) return "other-stream"',
    without: 'if (facts.created === "") return "other-stream"',
    caughtIn: mark,
    caughtBy: "is of another stream of that name",
  },
  {
    name: "a stream that came back older is recognised, also once it is longer",
    file: "publisher/stream-mark.ts",
    text: "facts.idAtMark !== undefined && facts.idAtMark !== mark.id",
    without: 'facts.idAtMark === "" && facts.idAtMark !== mark.id',
    caughtIn: mark,
    caughtBy: "is where another message is now",
  },
  {
    name: "a mark does not move beyond what the stream lost",
    file: "publisher/stream-watch.ts",
    text: "if (mark === undefined || (first !== undefined && first <= before)) yield* look()",
    without: "if (mark === undefined) yield* look()",
    caughtIn: lost,
    caughtBy: "came back older",
  },
  {
    name: "a lost stream is filled again",
    file: "publisher/stream-watch.ts",
    text: "if (loss !== undefined) yield* owe(loss, info)",
    without: 'if (loss === "purged" && info.created === "") yield* owe(loss, info)',
    caughtIn: lost,
    caughtBy: "somebody created an empty one",
  },
  {
    name: "a purged stream is filled once it takes the same ids again",
    file: "publisher/stream-watch.ts",
    text: 'notBefore: loss === "purged" ? now + config.duplicate_window / 1_000_000 : now,',
    without: "notBefore: now,",
    caughtIn: lost,
    caughtBy: "purged under load",
  },
  {
    name: "what is published again is dated to when it happened",
    file: "publisher/republication.ts",
    text: "messages.push(write(one, event.event.at))",
    without: "messages.push(write(one, Date.now()))",
    caughtIn: lost,
    caughtBy: "nor one from before it was added",
  },
  {
    name: "a full stream refuses events, and does not drop old ones",
    file: "publisher/event-stream.ts",
    text: "bytesMax > 0 || messagesMax > 0 ? DiscardPolicy.New : DiscardPolicy.Old",
    without: "bytesMax > 0 || messagesMax > 0 ? DiscardPolicy.Old : DiscardPolicy.Old",
    caughtIn: "test/publisher/event-stream.test.ts",
    caughtBy: "refuses what it has no room for",
  },
]
