/** The trail of acts on partners, keys and endpoints: who did what, when, from where, and what was before and after. The table refuses changes. */
import { Context, type Effect } from "effect"
import type { Actor, AuditedAct } from "../database/audit-entry.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { OperatorAct } from "./access.ts"

/** An operator, or a person at the command line. */
export interface Administrator extends Actor {
  /** What the operator may do; absent at the command line, where who acts has the stores. */
  readonly acts?: ReadonlySet<OperatorAct>
}

export interface AuditEntry {
  /** Grows by one or more with each entry. */
  readonly sequence: number
  readonly at: Date
  readonly who: string
  readonly address: string | undefined
  /** A name for people, if it is known: a note. */
  readonly name: string | undefined
  /** Such as `api-key.revoke`. */
  readonly act: string
  /** What was acted on, such as `partner:acme` or `api-key:<id>`. */
  readonly subject: string
  /** The state before and after, without secrets; `null` if there was none. */
  readonly before: unknown
  readonly after: unknown
}

/** Which entries to read: those before a sequence, of a subject or by somebody; the newest first. */
export interface AuditQuestion {
  readonly before?: number | undefined
  readonly subject?: string | undefined
  readonly who?: string | undefined
  /** At most {@link ENTRIES_PER_PAGE_MAX}. */
  readonly limit: number
}

export const ENTRIES_PER_PAGE_MAX = 500

export class AuditTrail extends Context.Service<
  AuditTrail,
  {
    /** Adds an entry for an act that other stores keep. An act in Postgres writes its own, in its transaction. */
    readonly record: (by: Administrator, act: AuditedAct) => Effect.Effect<void, StoreUnavailable>
    readonly read: (question: AuditQuestion) => Effect.Effect<ReadonlyArray<AuditEntry>, StoreUnavailable>
  }
>()("atlaspay/identity/AuditTrail") {}
