/** The quota of a key over several processes: its sum is never exceeded, and it holds while the shared count is silent. */
import { expect, it } from "vitest"
import { QUOTA_WINDOW_MS, RequestQuotas } from "../../../src/http/edge/request-quota.ts"
import { fc } from "../../property.ts"

const at = 7 * QUOTA_WINDOW_MS + 1_000

/** A shared count that answers when it is let. */
class SharedCount {
  readonly #sums = new Map<string, number>()
  asked = 0
  readonly add = async (name: string, amount: number): Promise<number> => {
    this.asked += 1
    await Promise.resolve()
    const sum = (this.#sums.get(name) ?? 0) + amount
    this.#sums.set(name, sum)
    return sum
  }
}

it("gives all processes together the quota, and not one request more", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 4 }),
      async (quota, number) => {
        const count = new SharedCount()
        const processes = Array.from({ length: number }, () => new RequestQuotas(quota, count.add))
        const answers = await Promise.all(
          Array.from({ length: 3 * quota }, (_, index) => processes[index % number]?.take("acme/web", at)),
        )
        const within = answers.filter((answer) => answer?.isWithin).length
        expect(within).toBeLessThanOrEqual(quota)
        // A process alone spends all of it. Others may hold a lease each that they do not spend.
        if (number === 1) expect(within).toBe(quota)
        expect(within).toBeGreaterThanOrEqual(quota - number * Math.ceil(quota / 50))
      },
    ),
    { numRuns: 100 },
  )
})

it("asks the shared count once in a lease, and not at all once the quota is spent", async () => {
  const count = new SharedCount()
  const quotas = new RequestQuotas(1_000, count.add)
  for (let n = 0; n < 5_000; n++) await quotas.take("acme/web", at)
  expect(count.asked).toBe(50)
})

it("limits by itself while the shared count is silent", async () => {
  const quotas = new RequestQuotas(100, async () => undefined)
  let within = 0
  for (let n = 0; n < 300; n++) if ((await quotas.take("acme/web", at)).isWithin) within++
  expect(within).toBe(100)
})

it("asks again after a count that failed", async () => {
  let calls = 0
  const quotas = new RequestQuotas(100, async (_, amount) => {
    calls += 1
    if (calls === 1) throw new Error("down")
    return amount
  })
  await expect(quotas.take("acme/web", at)).rejects.toThrow("down")
  expect((await quotas.take("acme/web", at)).isWithin).toBe(true)
})

it("begins anew with the next window, and says when that is", async () => {
  const quotas = new RequestQuotas(1, new SharedCount().add)
  expect(await quotas.take("acme/web", at)).toEqual({ isWithin: true, remaining: 0, resetSeconds: 9 })
  expect(await quotas.take("acme/web", at)).toEqual({ isWithin: false, remaining: 0, resetSeconds: 9 })
  expect((await quotas.take("acme/web", at + QUOTA_WINDOW_MS)).isWithin).toBe(true)
})

it("takes who waited since the window before for one of this window", async () => {
  const quotas = new RequestQuotas(2, async () => undefined)
  expect(await quotas.take("acme/web", at + QUOTA_WINDOW_MS)).toMatchObject({ isWithin: true })
  expect(await quotas.take("acme/web", at)).toMatchObject({ isWithin: true })
  expect(await quotas.take("acme/web", at + QUOTA_WINDOW_MS)).toMatchObject({ isWithin: false })
})

it("counts each key by itself", async () => {
  const quotas = new RequestQuotas(1, new SharedCount().add)
  expect((await quotas.take("acme/web", at)).isWithin).toBe(true)
  expect((await quotas.take("globex/web", at)).isWithin).toBe(true)
})
