/** The trail of administrative acts: who did what, when, from where, and what was before and after. Nobody can change it. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"

/** Who acts, and from where. */
export interface Administrator {
  /** The credential of an operator, or `cli:<user>` at the command line. */
  readonly who: string
  /** The address of the request, or the name of the machine. */
  readonly address: string | undefined
}

export interface AuditEntry {
  /** Grows by one or more with each entry. */
  readonly sequence: number
  readonly at: Date
  readonly who: string
  readonly address: string | undefined
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
    readonly read: (question: AuditQuestion) => Effect.Effect<ReadonlyArray<AuditEntry>, StoreUnavailable>
  }
>()("atlaspay/identity/AuditTrail") {}
