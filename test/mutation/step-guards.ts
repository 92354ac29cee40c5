/** Guards around the log and the banks, each with the one test that misses it: those need servers, and more time. */
import type { Guard } from "./domain-guards.ts"

export interface StepGuard extends Guard {
  readonly caughtIn: string
  /** The name of the test, or how it begins. */
  readonly caughtBy: string
}

const caughtIn = "test/streams/streams-redis.test.ts"
const folds = "test/streams/fold-cache.test.ts"

export const stepGuards: ReadonlyArray<StepGuard> = [
  {
    name: "only the owner appends",
    file: "streams/functions/append.lua",
    text: "if not owns(ready, entry, worker) then return { 'LOST' } end",
    without: "",
    caughtIn,
    caughtBy: "is for the owner of the batch alone",
  },
  {
    name: "an append follows the version that was read",
    file: "streams/functions/append.lua",
    text: "last.version ~= expected or last.head ~= head",
    without: "last.version < expected",
    caughtIn,
    caughtBy: "happens only at the version that was read",
  },
  {
    name: "an append follows the history that was read",
    file: "streams/functions/append.lua",
    text: " or last.head ~= head",
    without: "",
    caughtIn,
    caughtBy: "happens only after the very history that was read",
  },
  {
    name: "no append releases a batch with mail that waits",
    file: "streams/functions/append.lua",
    text: "if share == '' or mails > 0 then",
    without: "if share == '' then",
    caughtIn,
    caughtBy: "does not release a batch whose mail it does not answer",
  },
  {
    name: "an append that is repeated reports a release only if there was one",
    file: "streams/functions/append.lua",
    text: "share ~= '' and is_over(ready, entry)",
    without: "share ~= ''",
    caughtIn,
    caughtBy: "does not release a batch whose mail it does not answer",
  },
  {
    name: "a mailbox has its limit",
    file: "streams/functions/enqueue.lua",
    text: "if box.room <= 0 then return 'FULL' end",
    without: "",
    caughtIn,
    caughtBy: "is refused when the mailbox is full",
  },
  {
    name: "commands that come together share the room of a mailbox",
    file: "streams/functions/enqueue.lua",
    text: "box.room = box.room - 1",
    without: "",
    caughtIn,
    caughtBy: "is refused when others that come at the same time fill the mailbox",
  },
  {
    name: "a refused command does not use up its id",
    file: "streams/functions/enqueue.lua",
    text: "box.has_log and box.room > 0)",
    without: "true)",
    caughtIn,
    caughtBy: "that was refused can be enqueued later under the same id",
  },
  {
    name: "a command that is enqueued again is there once",
    file: "streams/functions/enqueue.lua",
    text: "if before then return before == digest and 'ENQUEUED' or 'REUSED' end",
    without: "",
    caughtIn,
    caughtBy: "that is enqueued again under its id is there once",
  },
  {
    name: "an id of a command stands for one command",
    file: "streams/functions/enqueue.lua",
    text: "before == digest and 'ENQUEUED' or 'REUSED'",
    without: "'ENQUEUED'",
    caughtIn,
    caughtBy: "that is enqueued again under its id is there once",
  },
  {
    name: "only the owner gives a batch up",
    file: "streams/functions/release.lua",
    text: "if not owns(ready, entry, worker) then return is_over(ready, entry) and 'RELEASED' or 'LOST' end",
    without: "",
    caughtIn,
    caughtBy: "lets a batch be taken over whose owner is silent",
  },
  {
    name: "only the owner postpones a batch",
    file: "streams/functions/postpone.lua",
    text: "if not owns(ready, entry, worker) then return is_over(ready, entry) and 'POSTPONED' or 'LOST' end",
    without: "",
    caughtIn,
    caughtBy: "lets a batch be taken over whose owner is silent",
  },
  {
    name: "only the owner hands a batch over",
    file: "streams/functions/hand-over.lua",
    text: "if not owns(ready, entry, worker) then return is_over(ready, entry) and 'HANDED' or 'LOST' end",
    without: "",
    caughtIn,
    caughtBy: "answers a retry of giving up as done",
  },
  {
    name: "a partner has its share of the run queue and no more",
    file: "streams/functions/library.lua",
    text: "count(lanes, shard, 1) <= tonumber(share)",
    without: "count(lanes, shard, 1) <= 1000",
    caughtIn,
    caughtBy: "is all that a partner with many batches has there",
  },
  {
    name: "a call is asked for again when the bank's turn has come",
    file: "providers/banks/banks.ts",
    text: "(may ? sent : Effect.succeed(notSent))",
    without: "sent",
    caughtIn: "test/pipelines/paying.test.ts",
    caughtBy: "leaves items without a word and without a call once the batch has another owner",
  },
  {
    name: "a bank is told who may still call it",
    file: "pipelines/paying.ts",
    text: "mayCall(transfer.item)",
    without: "Effect.succeed(true)",
    caughtIn: "test/pipelines/paying.test.ts",
    caughtBy: "leaves items without a word and without a call once the batch has another owner",
  },
  {
    name: "a fold has one user at a time",
    file: "streams/fold-cache.ts",
    text: "      this.#folds.delete(id)\n",
    without: "",
    caughtIn: folds,
    caughtBy: "gives a fold to one user at a time",
  },
  {
    name: "a fold that is ahead of its reader begins anew",
    file: "streams/fold-cache.ts",
    text: " && fold.batch.version <= versionMax",
    without: "",
    caughtIn: folds,
    caughtBy: "begins anew where what it knows is beyond the version",
  },
  {
    name: "a fold goes on with the next event only",
    file: "streams/batch-fold.ts",
    text: "if (version !== fold.batch.version + 1)",
    without: "if (version < 1)",
    caughtIn: folds,
    caughtBy: "goes on with the next event only",
  },
]
