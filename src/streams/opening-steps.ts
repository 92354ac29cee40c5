/** The limits for opening a batch that is too large for one step. */

/** Events in one step of opening a batch: at most 16 chunks of items, about 2 MiB. */
export const OPENED_AT_ONCE_MAX = 16
/** How long staged events of a batch are kept if the batch is never opened. */
export const STAGED_MS = 600_000
