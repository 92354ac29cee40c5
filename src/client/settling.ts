/** Waits until nothing more happens to a batch by itself. */
import type { PayoutBatch } from "./api-types.ts"
import { read } from "./calls.ts"
import { Timeout } from "./errors.ts"
import { type CallOptions, pause, type Service } from "./transport.ts"

export interface SettlingOptions extends CallOptions {
  /** The longest wait. 15 minutes by default. */
  readonly withinMs?: number | undefined
  /** Whether to go on waiting while only a person can move the batch. */
  readonly throughAttention?: boolean | undefined
  /** Gets each new version of the batch that is seen. */
  readonly seen?: ((batch: PayoutBatch) => void) | undefined
}

const WITHIN_MS = 15 * 60_000
const POLL_MS_FIRST = 250
const POLL_MS_MAX = 5_000

/**
 * The batch once it is closed, which its `closedAt` shows, or, unless it waits through that, needs the attention of a person. Fails with
 * `Timeout` if neither comes in time.
 */
export const settled = async (
  service: Service,
  id: string,
  { withinMs = WITHIN_MS, throughAttention = false, seen, ...options }: SettlingOptions = {},
): Promise<PayoutBatch> => {
  const details = { call: `GET /payout-batches/${id}`, idempotencyKey: undefined, tries: 1, mayBeDone: false }
  const endsAt = Date.now() + withinMs
  let version = -1
  for (let pollMs = POLL_MS_FIRST; ; pollMs = Math.min(POLL_MS_MAX, pollMs * 1.5)) {
    const batch = await read(
      service,
      "showPayoutBatch",
      { id },
      {},
      { id: "string", state: "string" },
      options,
    )
    if (batch.version !== version) seen?.(batch)
    version = batch.version
    if (batch.closedAt !== undefined || (batch.needsAttention && !throughAttention)) return batch
    if (Date.now() + pollMs > endsAt)
      throw new Timeout(`the batch is ${batch.state} after ${withinMs} ms`, details)
    await pause(pollMs, options.signal, details)
  }
}
