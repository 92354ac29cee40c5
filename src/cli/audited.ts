/** Acts at the command line that other stores than Postgres keep: two entries of the audit trail, before and after the act. */
import { Effect } from "effect"
import { AuditTrail } from "../identity/audit-trail.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import { administrator } from "./access-stores.ts"

/** What is acted on, and how it is before. Without secrets. */
export interface AuditedCommand {
  /** Such as `vault-keys.rotate`. */
  readonly act: string
  readonly subject: string
  readonly before: object | null
  /** A name that was given for who acts: a note. */
  readonly name?: string | undefined
}

/**
 * Records that an act begins, does it, and records what is so afterwards. Nothing is done unless the first entry is in the trail. An
 * entry `<act>.begin` without the second one means that the act failed, or that nobody could record its end: look at the subject.
 */
export const audited = <A, E, R>(
  { name, ...act }: AuditedCommand,
  run: Effect.Effect<A, E, R>,
  after: (done: A) => object | null,
): Effect.Effect<A, E | StoreUnavailable, AuditTrail | R> =>
  Effect.gen(function* () {
    const { record } = yield* AuditTrail
    const by = { ...administrator(), name }
    yield* record(by, { ...act, act: `${act.act}.begin`, after: null })
    const done = yield* run
    yield* record(by, { ...act, after: after(done) })
    return done
  })
