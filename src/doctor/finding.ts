/** What a check of the deployment found, and what follows from all of them. */

/** `unknown`: it could not be looked at, which is no sign of health. */
export type Verdict = "ok" | "warning" | "problem" | "unknown"

/** What a check saw. */
export interface Finding {
  /** A name of {@link checkNames}. */
  readonly check: CheckName
  readonly verdict: Verdict
  /** What was seen, for people. Nothing secret. */
  readonly seen: string
  /** What to do about it: a command, or a page. None if nothing is to be done. */
  readonly todo?: string
}

/** The names of all checks, in the order in which they are shown. They stay as they are: scripts and runbooks name them. */
export const checkNames = [
  "settings",
  "redis",
  "redis-durability",
  "redis-memory",
  "postgres",
  "postgres-durability",
  "postgres-size",
  "nats",
  "event-stream",
  "certificates",
  "clocks",
  "schema",
  "cursors",
  "projector-lag",
  "publisher-lag",
  "webhook-lag",
  "archive-lag",
  "run-queue",
  "archive-counts",
  "proofs",
  "waiting-items",
  "reconciliation",
  "stray-callbacks",
  "bank-files",
  "webhook-endpoints",
  "vault-keys",
  "disk",
] as const
export type CheckName = (typeof checkNames)[number]

/** The exit status for scripts: 0 if all is well, 1 with a problem, 2 with nothing worse than warnings and what could not be looked at. */
export const statusOf = (findings: ReadonlyArray<Finding>): 0 | 1 | 2 => {
  if (findings.some(({ verdict }) => verdict === "problem")) return 1
  return findings.every(({ verdict }) => verdict === "ok") ? 0 : 2
}
