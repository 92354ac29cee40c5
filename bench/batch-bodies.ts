/** The batches of the load: realistic payouts that all settle, so that nothing waits for a person. */
import { readFileSync } from "node:fs"
import { magicOutcome } from "../src/sandbox/magic-beneficiaries.ts"

interface Payout {
  readonly reference: string
  readonly beneficiary: { readonly name: string }
}

const example = new URL("../examples/payouts.json", import.meta.url)

/**
 * `count` request bodies in JSON, each with `itemsPerBatch` payouts of the example file in another order, without the
 * sandbox's magic beneficiaries. Throws if the example has too few payouts.
 */
export const batchBodies = (count: number, itemsPerBatch: number): ReadonlyArray<Buffer> => {
  const { items } = JSON.parse(readFileSync(example, "utf8")) as { readonly items: ReadonlyArray<Payout> }
  const ordinary = items.filter(({ beneficiary }) => magicOutcome(beneficiary.name) === undefined)
  if (ordinary.length < itemsPerBatch)
    throw new RangeError(`the example has ${ordinary.length} ordinary payouts, ${itemsPerBatch} are needed`)
  const nth = (index: number) => ordinary[index % ordinary.length]
  return Array.from({ length: count }, (_, batch) => {
    const payouts = Array.from({ length: itemsPerBatch }, (_, item) => nth(batch * itemsPerBatch + item))
    return Buffer.from(JSON.stringify({ reference: `bench-${batch}`, items: payouts }))
  })
}
