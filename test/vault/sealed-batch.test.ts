/** A batch through the whole platform with an account that must be nowhere but at the bank. */
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { eventually, PlatformUnderTest, type Service, SUPERVISOR_KEY } from "../platform-under-test.ts"
import { masterKeys, ownPrefix } from "../settings.ts"

/** The domestic number is what banks know an account by. */
const domestic = "370400440532013000"
const canary = { scheme: "iban", iban: `DE89${domestic}` }
const street = "Kanarienvogelgasse"
const address = { street, buildingNumber: "7", postcode: "10117", town: "Berlin", country: "DE" }

const payouts = (names: ReadonlyArray<string>, terms = {}) => ({
  ...terms,
  items: names.map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: "10.00" },
    beneficiary: { name, account: canary, address },
  })),
})

const prefix = ownPrefix()
let redis: Redis
let platform: PlatformUnderTest
let service: Service

beforeAll(async () => {
  redis = new Redis(inject("redisUrl"))
  platform = await PlatformUnderTest.open({ STREAM_PREFIX: prefix })
  service = await platform.start()
}, 60_000)
afterAll(async () => {
  redis.disconnect()
  await platform[Symbol.asyncDispose]()
})

/** Everything that Redis holds under the prefix, as text. */
const contents = async (): Promise<ReadonlyArray<string>> => {
  const keys = await redis.keys(`${prefix}:*`)
  return Promise.all(
    keys.map(async (key) => {
      switch (await redis.type(key)) {
        case "string":
          return `${key} ${await redis.get(key)}`
        case "hash":
          return `${key} ${JSON.stringify(await redis.hgetall(key))}`
        case "set":
          return `${key} ${JSON.stringify(await redis.smembers(key))}`
        case "zset":
          return `${key} ${JSON.stringify(await redis.zrange(key, "0", "-1"))}`
        case "list":
          return `${key} ${JSON.stringify(await redis.lrange(key, 0, -1))}`
        case "stream":
          return `${key} ${JSON.stringify(await redis.xrange(key, "-", "+"))}`
        default:
          throw new Error(`${key} is of a type that this test does not read`)
      }
    }),
  )
}

const itemsOf = async (id: string) =>
  (
    await platform.get<{
      readonly items: ReadonlyArray<{
        readonly state: string
        readonly reason?: string
        readonly beneficiary: { readonly account: string }
      }>
    }>(`/payout-batches/${id}/items`)
  ).items

const keys = (...args: ReadonlyArray<string>) =>
  atlaspay(
    {
      REDIS_URL: inject("redisUrl"),
      DATABASE_URL: platform.environment.DATABASE_URL ?? "",
      STREAM_PREFIX: prefix,
      MASTER_KEYS: masterKeys,
    },
    "keys",
    ...args,
  ).end()

describe("an account", { timeout: 60_000 }, () => {
  it("reaches the bank, and is nowhere in Redis", async () => {
    const id = await platform.submit("paid", payouts(["Ada Lovelace", "Clara Closed", "Sam Sanctioned"]))
    await platform.closed(id)
    const transfers = (await platform.books()).flatMap(({ transfers }) => transfers)
    expect(transfers.map(({ beneficiary }) => beneficiary.accountLast4)).toEqual(["3000", "3000"])
    const all = await contents()
    expect(all.some((text) => text.includes(`log:${id}`) && text.includes("Ada Lovelace"))).toBe(true)
    for (const text of all) {
      expect(text).not.toContain(domestic)
      expect(text).not.toContain(street)
    }
  })

  it("cannot be read any more once the partner's keys are forgotten: what is due is parked, the rest is told", async () => {
    const paid = await platform.submit("before", payouts(["Ada Lovelace"]))
    const paidView = await platform.closed(paid)
    const waiting = await platform.submit(
      "waits",
      payouts(["Ada Lovelace", "Grace Hopper"], { requireApproval: true, submittedBy: "sam" }),
    )
    await eventually("it waits for its approval", async () => {
      const { state } = await platform.get<{ state: string }>(`/payout-batches/${waiting}`)
      return state === "awaiting-approval"
    })
    const [undecided, listed] = await Promise.all([keys("forget", "--partner", "acme"), keys("list")])
    expect(undecided.status).toBe(1)
    // Nobody has an endpoint, so no key for the secrets of endpoints was made.
    const others = ["~requests: 1 (wrapped by test)"]
    expect(listed.lines).toEqual(["acme: 1 (wrapped by test)", ...others])
    expect((await keys("forget", "--partner", "acme", "--yes")).status).toBe(0)
    expect((await keys("list")).lines).toEqual(["acme: forgotten", ...others])
    // A process may go on for a minute with keys that it holds; a new one has none.
    await service.stop()
    await platform.start()
    const { events } = await platform.get<{ events: ReadonlyArray<{ approval?: { hash: string } }> }>(
      `/payout-batches/${waiting}/events`,
    )
    await platform.say(`${waiting}/approval`, { hash: events[0]?.approval?.hash }, SUPERVISOR_KEY)
    await eventually("both are parked", async () =>
      (await itemsOf(waiting)).every(({ state }) => state === "parked"),
    )
    for (const { reason, beneficiary } of await itemsOf(waiting)) {
      expect(reason).toMatch(
        /^the beneficiary's details cannot be read: the partner's key is gone; not sent$/,
      )
      expect(beneficiary.account).toBe("iban …3000")
    }
    const references = (await platform.books()).flatMap(({ transfers }) => transfers)
    expect(
      references.filter(({ reference }) => reference.startsWith(waiting.slice(3).toUpperCase())),
    ).toEqual([])
    expect(await platform.closed(paid)).toEqual(paidView)
    expect(await platform.submit("before", payouts(["Ada Lovelace"])), "a repeated request").toBe(paid)
  })
})
