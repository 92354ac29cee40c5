/** Events as the log has them, as much of each as the checker looks at. */

export type Place = "open" | "settled" | "failed" | "returned" | "rejected" | "cancelled"

/** As much of an event as the checker looks at. */
export interface Event {
  readonly _tag: string
  readonly item?: number
  readonly attempt?: number
  readonly items?: ReadonlyArray<number | LoggedItem>
  readonly decisions?: ReadonlyArray<
    Named & { readonly item: number; readonly decision: string; readonly released?: boolean }
  >
  readonly clearance?: number
  readonly listVersion?: string
  readonly findings?: ReadonlyArray<Named>
  readonly decision?: string
  readonly outcome?: Place
  readonly cause?: string
  readonly idempotencyKey?: string
  readonly itemCount?: number
  readonly transfers?: ReadonlyArray<{
    readonly item: number
    readonly attempt: number
    readonly reference: string
  }>
  readonly approval?: object
  readonly posting?: number
  readonly kind?: string
  readonly credential?: string
  readonly code?: string
  readonly reason?: string
  readonly reported?: string
  readonly compensation?: string
}

/** The kinds of events that say the same of several transfers, and the kind that says it of one. */
const gathered: Readonly<Record<string, string>> = {
  TransfersAccepted: "TransferAccepted",
  TransfersSettled: "TransferSettled",
}

/** An event as one for each of its transfers, if it says the same of several. */
export const oneByOne = <E extends Event>(event: E): ReadonlyArray<E> => {
  const kind = gathered[event._tag]
  if (kind === undefined) return [event]
  return (event.transfers ?? []).map(({ item, attempt }) => ({ ...event, _tag: kind, item, attempt }))
}

/** What tells one finding of the compliance engine from another. */
export interface Named {
  readonly cause?: string | undefined
  readonly listVersion?: string | undefined
  readonly reason?: string | undefined
}

export interface LoggedItem {
  readonly item: number
  readonly reference: string
  readonly currency: string
  readonly minor: string
}
