/**
 * The files that take long by their nature: they start, kill and freeze processes and servers, run whole platforms, or compare
 * thousands of logs. `npm test` leaves them to `npm run test:slow`, which CI runs after it. The longest come first.
 */
const names = [
  "cli/demo",
  "safety/redis-set-back",
  "weather/liars",
  "recovery/event-crashes",
  "recovery/event-faults",
  "recovery/archive-crashes",
  "recovery/projector",
  "recovery/crash",
  "cli/batch-submission",
  "safety/compliance",
  "recovery/zombie",
  "weather/weather",
  "fuzz/fuzz",
  "replay/lockstep",
  "database/outage",
  "safety/refusals",
  "safety/duplicates",
  "cli/submission-duplicates",
  "cli/reconcile",
  "cli/reconcile-formance",
  "cli/replay-commands",
  "recovery/bank-files",
  "recovery/rebuild-crashes",
  "bench/events",
  "bench/pipeline",
  "bench/projections",
  "publisher/lost-stream",
  "cli/publish",
  "client/webhook-life",
  "vault/sealed-batch",
  "dev/embedded-stack",
  "safety/postgres-set-back",
  "safety/provider-access",
  "streams/streams-model",
  "http/payout-uploads/upload-memory",
  "http/payout-uploads/upload-process",
  "dev/data-folder",
] as const

/** Their paths in the project. */
export const slowFiles: ReadonlyArray<string> = names.map((name) => `test/${name}.test.ts`)
