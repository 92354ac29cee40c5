/** Runs checks side by side, each within its time. A check that fails or takes too long is a finding too. */
import { Effect } from "effect"
import { redactText } from "../telemetry/redaction.ts"
import type { CheckName, Finding } from "./finding.ts"
import { checkNames } from "./finding.ts"

/** What a check sees of its subject; `Finding` without its name. */
export type Seen = Omit<Finding, "check">

/** Why a check could not look. */
export interface NotSeen {
  readonly message: string
  readonly step?: string
  readonly reason?: string
}

/** A check. It changes nothing. */
export interface Check {
  readonly name: CheckName
  readonly look: Effect.Effect<Seen, NotSeen>
}

/** The longest time that a check may take: an unreachable store is reported, and not waited for. */
export const CHECK_MS_MAX = 8_000

export const ok = (seen: string): Seen => ({ verdict: "ok", seen })
export const warning = (seen: string, todo: string): Seen => ({ verdict: "warning", seen, todo })
export const problem = (seen: string, todo: string): Seen => ({ verdict: "problem", seen, todo })
export const unknown = (seen: string, todo: string): Seen => ({ verdict: "unknown", seen, todo })

/** Runs all checks at once, and gives a finding for each, in the order of {@link checkNames}. Takes at most `withinMs`. */
export const runChecks = (
  checks: ReadonlyArray<Check>,
  withinMs = CHECK_MS_MAX,
): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.forEach(checks, (check) => lookedAt(check, withinMs), { concurrency: "unbounded" }).pipe(
    Effect.map((findings) =>
      findings.toSorted((one, other) => checkNames.indexOf(one.check) - checkNames.indexOf(other.check)),
    ),
  )

const lookedAt = ({ name, look }: Check, withinMs: number): Effect.Effect<Finding> =>
  look.pipe(
    Effect.timeoutOrElse({
      duration: withinMs,
      orElse: () => Effect.succeed(unknown(`no answer within ${withinMs} ms`, NOT_SEEN)),
    }),
    Effect.catch((failure) => Effect.succeed(unknown(whyNot(failure), NOT_SEEN))),
    Effect.catchDefect(() =>
      Effect.succeed(unknown("a defect of this check", "Report it, with this output.")),
    ),
    Effect.map(({ seen, ...found }) => ({ check: name, ...found, seen: redactText(seen) })),
  )

const NOT_SEEN = "Mend what keeps it from answering, and run atlaspay doctor again."

const whyNot = ({ step, reason, message }: NotSeen): string =>
  step === undefined ? message : `${step}: ${reason ?? message}`
