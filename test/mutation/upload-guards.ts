/** Guards of batches that come as files. */
import type { StepGuard } from "./step-guards.ts"

const uploads = "test/http/payout-uploads/payout-uploads.test.ts"

const goodRows = "test/http/payout-uploads/good-rows.test.ts"

export const uploadGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a batch without bad rows is answered by its log when its file is sent again",
    file: "http/payout-batches/acceptance-answer.ts",
    text: "JSON.stringify(rejectedRows) !== JSON.stringify(first.rejectedRows)",
    without: "rejectedRows === null",
    caughtIn: goodRows,
    caughtBy: "has the rows of its log, and no row that is good by now",
  },
  {
    name: "that only the good rows were asked for is part of the request",
    file: "http/payout-uploads/payout-upload.ts",
    text: "decimal, thousands, rows })",
    without: "decimal, thousands })",
    caughtIn: goodRows,
    caughtBy: "is another request than the whole file",
  },
  {
    name: "a misspelt parameter is not ignored",
    file: "http/routing/parameters.ts",
    text: "if (unknown.length > 0)",
    without: "if (unknown.length > 1_000)",
    caughtIn: uploads,
    caughtBy: "is refused with a query that is not known",
  },
  {
    name: "the terms of a batch in JSON are in its body",
    file: "http/payout-uploads/post-parameters.ts",
    text: "!ofJson.includes(name)",
    without: "ofJson.length === 0 && name",
    caughtIn: uploads,
    caughtBy: "keeps its terms in itself",
  },
  {
    name: "a dry run stores nothing",
    file: "http/payout-uploads/post-batch.ts",
    text: "query.dryRun ? undefined : yield* requireKey(asked)",
    without: "yield* requireKey(asked)",
    caughtIn: uploads,
    caughtBy: "is only checked with dryRun: nothing is stored",
  },
  {
    name: "the terms of a file are part of the request",
    file: "http/payout-uploads/payout-upload.ts",
    text: "JSON.stringify([form, encoding ?? null, sorted])",
    without: "JSON.stringify([form])",
    caughtIn: uploads,
    caughtBy: "is the same request under the same key",
  },
  {
    name: "the bytes of a file are digested before they are let go",
    file: "http/payout-uploads/payout-upload.ts",
    text: "        keepDigest,\n",
    without: "        Effect.void,\n",
    caughtIn: uploads,
    caughtBy: "is the same request under the same key",
  },
  {
    name: "a file with a bad row is not paid",
    file: "http/payout-uploads/payout-upload.ts",
    text: "if (rejected.length > 0 && !(this.#takesGoodRows && isComplete))",
    without: "if (rejected.length > 100_000)",
    caughtIn: uploads,
    caughtBy: "is refused as a whole with the place of each bad payout",
  },
  {
    name: "a file that may have been accepted is not answered with its rejected rows",
    file: "http/payout-uploads/post-batch.ts",
    text: "failure instanceof InvalidRows && ",
    without: "",
    caughtIn: uploads,
    caughtBy: "are no answer while it cannot be known whether the file was accepted before",
  },
  {
    name: "a document that was cut off is not paid",
    file: "payout-files/payment-order.ts",
    text: "saidCount !== undefined && saidCount !== String(count)",
    without: "false",
    caughtIn: uploads,
    caughtBy: "are refused when they end in the middle",
  },
]
