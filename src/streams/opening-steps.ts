/** How a batch is opened that is too large for one step. */

/** Events in one step of opening a batch: at most some 16 chunks of items, near 2 MiB. */
export const OPENED_AT_ONCE_MAX = 16
/** How long events are kept that were staged for a batch and not opened. */
export const STAGED_MS = 600_000
