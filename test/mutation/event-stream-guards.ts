/** Guards around what the event stream may lose, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const lost = "test/publisher/lost-stream.test.ts"
const mark = "test/publisher/stream-mark.test.ts"
const watch = "test/publisher/stream-watch.test.ts"

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
    name: "a stream bears out the mark of another process, too",
    file: "publisher/stream-watch.ts",
    text: "return [theirs, { ...theirs, sequence: mark.sequence, id: mark.id }]",
    without: "return [{ ...theirs, sequence: mark.sequence, id: mark.id }]",
    caughtIn: watch,
    caughtBy: "misses what another process published",
  },
  {
    name: "the mark of this process counts where the stored one was set back",
    file: "publisher/stream-watch.ts",
    text: "if (mark?.created !== theirs.created || mark.sequence <= theirs.sequence) return [theirs]",
    without: "if (mark === undefined || mark.sequence !== theirs.sequence) return [theirs]",
    caughtIn: watch,
    caughtBy: "after the store of its mark was set back",
  },
  {
    name: "the mark of an empty stream is stored",
    file: "publisher/stream-watch.ts",
    text: "if (to.position === stored.position && to.head === stored.head) return true",
    without: "if (to.position === stored.position) return true",
    caughtIn: watch,
    caughtBy: "because nothing was published yet",
  },
  {
    name: "a loss is owed also while an earlier debt is paid",
    file: "publisher/stream-watch.ts",
    text: 'if (moved === "moved") break',
    without: "if (moved !== undefined) break",
    caughtIn: watch,
    caughtBy: "owes a second loss",
  },
  {
    name: "the relay goes back again when a debt is due",
    file: "publisher/republication.ts",
    text: 'if (debt.after === "") yield* watch.goBack',
    without: 'if (debt.loss === "") yield* watch.goBack',
    caughtIn: lost,
    caughtBy: "while the projector stands still",
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
    text: "messages.push(write(one, at))",
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
