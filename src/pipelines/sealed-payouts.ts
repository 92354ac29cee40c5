/** Opens sealed accounts for the moment in which they are paid. */
import { Effect, Result } from "effect"
import type { Batch } from "../domain/batch.ts"
import { type Beneficiary, type SealedAccount, unsealed } from "../domain/beneficiary.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { keyIdOf, type PartnerKeys, type VaultUnavailable } from "../vault/partner-keys.ts"
import { openAccounts } from "../vault/sealing.ts"
import { itemsOf } from "./batch-items.ts"

/** Returns the account and the address of an item's beneficiary, or the reason why they cannot be opened. */
export type Opening = (item: number) => Result.Result<Pick<Beneficiary, "account" | "address">, string>

type Chunk = Batch["seals"][number]

/**
 * Opens the chunks that contain the items. If a key is gone or a seal is broken, each item of the chunk gets that reason.
 * Fails with `VaultUnavailable` while keys cannot be read; then nothing is sent yet.
 */
export const openingOf = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  id: BatchId,
  batch: Batch,
  numbers: ReadonlyArray<number>,
): Effect.fn.Return<Opening, VaultUnavailable> {
  const opened = new Map<number, SealedAccount>()
  const unopened = new Map<number, string>()
  for (const chunk of batch.seals) {
    const items = numbers.filter((item) => chunk.from <= item && item <= chunk.to)
    if (items.length === 0) continue
    const accounts = yield* openChunk(keys, id, batch, chunk)
    // Keep only the accounts that are paid now.
    for (const item of items) {
      const account = Result.isSuccess(accounts) ? accounts.success[item - chunk.from] : undefined
      if (account !== undefined) opened.set(item, account)
      else unopened.set(item, Result.isSuccess(accounts) ? "it is not in its seal" : accounts.failure)
    }
  }
  return (item) => {
    const account = opened.get(item)
    return account === undefined
      ? Result.fail(unopened.get(item) ?? "it was never sealed")
      : Result.succeed(unsealed(account))
  }
})

const openChunk = Effect.fnUntraced(function* (
  keys: PartnerKeys["Service"],
  id: BatchId,
  batch: Batch,
  { from, to, sealed }: Chunk,
) {
  const key = yield* keys.find(batch.partner, keyIdOf(sealed))
  if (key === undefined) return Result.fail("the partner's key is gone")
  const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index)
  const items = itemsOf(batch, numbers).map(({ item, beneficiary: { account, addressCountry } }) => ({
    item,
    account,
    addressCountry,
  }))
  return openAccounts(key, { partner: batch.partner, batch: id }, items, sealed).pipe(
    Result.mapError(() => "the seal does not verify"),
  )
})
