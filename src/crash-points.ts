/** The names of the points at which a test of recovery may kill a process. docs/architecture/crashes.md says what is durable at each. */

/** The points at which a test may kill a worker. Each is passed once per loop of a batch. */
export const payingCrashPoints = [
  "before-intent",
  "after-intent",
  "after-register",
  "after-bank-call",
  "before-append",
  "after-append",
  "after-ledger-call",
  "before-release",
] as const

/**
 * The points at which a test may kill who publishes and delivers events. Each is passed once per group of events or deliveries;
 * `within-publish` only by a chunk that is published in several groups, and the points of failures once per failed attempt.
 */
export const eventCrashPoints = [
  "before-publish",
  "within-publish",
  "after-publish",
  "after-cursor",
  "before-deliveries",
  "after-deliveries",
  "after-ack",
  "after-claim",
  "before-arrival",
  "after-arrival",
  "before-failure",
  "after-failure",
] as const

/** The points at which a test may kill a projector: once per step of the read models. */
export const projectingCrashPoints = ["before-projection", "after-projection"] as const

/** The points at which a test may kill an archiver: once per log that it archives, unlinks or restores. */
export const archivingCrashPoints = [
  "before-archive",
  "within-archive",
  "after-archive",
  "before-unlink",
  "after-unlink",
  "before-restore",
  "within-restore",
  "after-restore",
] as const

/** The points at which a test may kill who keeps the proof tree, and who rebuilds read models. */
export const derivingCrashPoints = [
  "before-leaves",
  "after-leaves",
  "after-root",
  "within-rebuild",
  "before-switch",
  "after-switch",
] as const

/** The points at which a test may kill the process. */
export const crashPoints = [
  ...payingCrashPoints,
  ...eventCrashPoints,
  ...projectingCrashPoints,
  ...archivingCrashPoints,
  ...derivingCrashPoints,
] as const
