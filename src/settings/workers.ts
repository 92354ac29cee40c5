import { count, day, duration, hour, seconds } from "./kinds.ts"
import { all, setting } from "./setting.ts"

export const worker = all({
  activeMax: setting("WORKER_BATCHES", count(64), "batches that one worker owns at a time"),
  unreportedMax: setting("WORKER_UNREPORTED", count(5_000), [
    "payouts that banks have to report, of batches that one worker began in about the last 5 s, beyond",
    "which [it begins no new batch](architecture/pressure.md#what-has-begun-comes-first)",
  ]),
  claimMs: setting("CLAIM_MS", duration(8 * seconds), [
    "if a worker has not renewed its claim on a batch for this long, another one takes the batch over.",
    "A worker calls a bank only within the first three quarters of this time. Clocks need not agree:",
    "only elapsed time counts",
  ]),
  sweepMs: setting("SWEEP_MS", duration(60 * seconds), [
    "how often open batches that nothing else would wake are scheduled, and how long after they were",
    "last touched; also after how long a decision that no batch has answered is enqueued again",
  ]),
  clockOffsetMsMax: setting("CLOCK_OFFSET_MS_MAX", duration(5 * seconds), [
    "how much the clock may differ from those of Redis and Postgres; beyond that the worker pays",
    "nothing",
  ]),
  drainMs: setting("DRAIN_MS", duration(750, 5 * seconds), [
    "how long a stopping worker waits for its calls before it hands over the batches. The next owner",
    "asks the banks about interrupted calls",
  ]),
  backlogMax: setting(
    "BACKLOG_MAX",
    count(20_000),
    "open batches beyond which new ones get 503 and `Retry-After`",
  ),
  settlingSharePercent: setting("SETTLING_SHARE_PERCENT", count(10, 100, 5), [
    "the percentage of the time for which workers call providers, and read models and events",
    "follow the logs, while [intake is pressed](architecture/pressure.md#accepting-comes-first). With",
    "100 nothing yields, and no process says that it is pressed: give all processes the same",
  ]),
  partnerBacklogMax: setting(
    "PARTNER_BACKLOG_MAX",
    count(5_000),
    "open batches of one partner beyond which its new ones get 429 and `Retry-After`",
  ),
})

export const projections = all({
  auditMs: setting("PROJECTION_AUDIT_MS", duration(10 * seconds, day, 0), [
    "how often each projector compares a shown batch at random (of at most 5,000 items), and one that",
    "has a log, with the log; 0: never. A difference is logged and counted",
    "([CLI.md](CLI.md#projections))",
  ]),
})

export const archive = all({
  afterMs: setting("ARCHIVE_AFTER_MS", duration(hour, 366 * day), [
    "how long after its last event the log of a closed batch is [archived](ARCHIVE.md) in Postgres",
  ]),
  unlinkAfterMs: setting("ARCHIVE_UNLINK_AFTER_MS", duration(7 * day, 36_600 * day), [
    "how long after it was archived a log is unlinked from Redis. It must be longer than the time",
    "between two backups of Postgres, and so long that no process of a release before the archive runs",
    "any more",
  ]),
})
