/**
 * Compliance changes its mind, at each moment: what was found after a reviewer looked, by lists that are new, or while an item
 * was on its way from one bank to another, keeps it from being paid. The banks' own books are the judge.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redis } from "ioredis"
import { afterAll, describe, expect, it } from "vitest"
import { eventually, OLGA, PlatformUnderTest, SUPERVISOR_KEY } from "../platform-under-test.ts"

interface Finding {
  readonly cause: string
  readonly listVersion: string
  readonly reason?: string
  readonly decision: string
  readonly released: boolean
}

interface ItemView {
  readonly item: number
  readonly state: string
  readonly clearance?: { readonly listVersion: string; readonly findings?: ReadonlyArray<Finding> }
}

const payouts = (...names: ReadonlyArray<string>) => ({
  items: names.map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}0.00` },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

/** A platform, with what its people and its compliance engine do in these stories. */
class Stage {
  readonly platform: PlatformUnderTest

  constructor(platform: PlatformUnderTest) {
    this.platform = platform
  }

  async item(id: string, number: number): Promise<ItemView | undefined> {
    const { items } = await this.platform.get<{ readonly items: ReadonlyArray<ItemView> }>(
      `/payout-batches/${id}/items`,
    )
    return items.find(({ item }) => item === number)
  }

  is(id: string, number: number, state: string): Promise<void> {
    return eventually(
      `item ${number} is ${state}`,
      async () => (await this.item(id, number))?.state === state,
    )
  }

  async events(id: string): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> {
    return (
      await this.platform.get<{ readonly events: Array<Record<string, unknown>> }>(
        `/payout-batches/${id}/events`,
      )
    ).events
  }

  has(id: string, type: string, times = 1): Promise<void> {
    return eventually(
      `the log tells ${times} times of ${type}`,
      async () => (await this.events(id)).filter((event) => event.type === type).length >= times,
    )
  }

  async act(path: string, body: unknown, key: string): Promise<number> {
    const answer = await fetch(`${this.platform.url}/payout-batches/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    })
    await answer.body?.cancel()
    return answer.status
  }

  release(id: string, item: number, findings?: ReadonlyArray<object>): Promise<number> {
    const said = { by: "olga", reason: "looked at it", decision: "released" }
    return this.act(`${id}/items/${item}/review`, findings === undefined ? said : { ...said, findings }, OLGA)
  }

  async approve(id: string): Promise<number> {
    const [received] = await this.events(id)
    const approval = received?.approval as { readonly hash: string } | undefined
    return this.act(`${id}/approval`, { hash: approval?.hash }, SUPERVISOR_KEY)
  }

  async engine(path: string, body: unknown): Promise<void> {
    const answer = await fetch(`${this.platform.sandbox.compliance}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    })
    expect(answer.ok, await answer.text()).toBe(true)
  }

  /** The engine goes by other lists from now on, and says so; resolves once the service has acknowledged that. */
  async announce(listVersion: string, ...entries: ReadonlyArray<object>): Promise<void> {
    const delivered = async (): Promise<number> => {
      const books = await fetch(`${this.platform.sandbox.compliance}/books?summary=true`)
      return ((await books.json()) as { callbacks: { delivered: number } }).callbacks.delivered
    }
    const before = await delivered()
    const announceTo = `${this.platform.url}/compliance-callbacks/lists`
    await this.engine("/lists", { listVersion, entries, announceTo })
    await eventually("the announcement was heard", async () => (await delivered()) > before)
  }

  /** How often each bank's books say that it paid, or was ordered to pay, somebody. */
  async atBanks(name: string): Promise<ReadonlyArray<number>> {
    const books = await this.platform.books()
    return books.flatMap(({ transfers }) =>
      transfers
        .filter((transfer) => (transfer.beneficiary as unknown as { name: string }).name === name)
        .map(({ payments }) => payments),
    )
  }

  async orders(server: string): Promise<number> {
    return ((await (await fetch(`${server}/sandbox/requests`)).json()) as { orders: number }).orders
  }
}

/** A platform of its own, whose stories are played one after the other: a machine has room for only so many. */
class Theatre {
  readonly #open: () => Promise<PlatformUnderTest>
  #platform: Promise<PlatformUnderTest> | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(open: () => Promise<PlatformUnderTest>) {
    this.#open = open
  }

  play(story: (stage: Stage) => Promise<void>): Promise<void> {
    const before = this.#last
    const played = (async () => {
      await before
      this.#platform ??= this.#open()
      await story(new Stage(await this.#platform))
    })()
    this.#last = played.catch(() => {})
    return played
  }

  async close(): Promise<void> {
    await (await this.#platform)?.[Symbol.asyncDispose]()
  }
}

const started = async (environment: Readonly<Record<string, string>>): Promise<PlatformUnderTest> => {
  const platform = await PlatformUnderTest.open(environment)
  await platform.start()
  return platform
}

const folder = mkdtempSync(join(tmpdir(), "providers-"))

/** Two banks that one rule names, of which the first takes its time, and an engine that is asked again soon. */
const startedWithRoute = async (): Promise<PlatformUnderTest> => {
  const PROVIDERS_FILE = join(folder, "providers.json")
  const settings = { PROVIDERS_FILE, PROVIDER_TIMEOUT_MS: "20000", CLEARANCE_DELAYS_MS: "300,2000" }
  const platform = await PlatformUnderTest.open(settings)
  const { compliance, ledger, banks } = platform.sandbox
  const bank = (name: "north" | "south") => ({ name, kind: "instant", url: banks[name] })
  const providers = {
    version: "v1",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [bank("north"), bank("south")],
    routes: [{ rule: "all", banks: ["north", "south"] }],
  }
  writeFileSync(PROVIDERS_FILE, JSON.stringify(providers))
  await platform.start()
  return platform
}

const usual = new Theatre(() => started({}))
const hasty = new Theatre(() => started({ CLEARANCE_MAX_AGE_MS: "2000" }))
const routed = new Theatre(startedWithRoute)

afterAll(async () => {
  await Promise.all([usual, hasty, routed].map((theatre) => theatre.close()))
  rmSync(folder, { recursive: true })
})

const gated = { requireApproval: true, submittedBy: "sam" }
const review = { decision: "review", cause: "sanctions", reason: "near a new entry" }

describe.concurrent("compliance that changes its mind", { timeout: 90_000 }, () => {
  it("holds again what a reviewer released after a name check, and it is not paid", () =>
    usual.play(async (stage) => {
      const id = await stage.platform.submit("names", {
        ...payouts("Nora Nomatch", "Ada Lovelace"),
        ...gated,
      })
      await stage.is(id, 1, "held")
      expect((await stage.item(id, 1))?.clearance?.findings).toMatchObject([
        { cause: "name-check", decision: "review", released: false },
      ])
      expect(await stage.release(id, 1)).toBe(202)
      await stage.is(id, 1, "cleared")

      const decisions = [{ item: 1, ...review }]
      await stage.engine("/afterthoughts", { clearanceId: `${id}-S1`, listVersion: "list-2", decisions })
      await stage.is(id, 1, "held")
      expect(await stage.approve(id)).toBe(202)
      await stage.is(id, 2, "settled")
      expect(await stage.atBanks("Ada Lovelace")).toEqual([1])
      expect(await stage.atBanks("Nora Nomatch")).toEqual([])
      expect((await stage.item(id, 1))?.state).toBe("held")

      const found = (await stage.item(id, 1))?.clearance?.findings ?? []
      expect(found).toMatchObject([
        { cause: "name-check", released: true },
        { cause: "sanctions", listVersion: "list-2", released: false },
      ])
      const [named, listed] = found.map(({ cause, listVersion, reason }) => ({ cause, listVersion, reason }))
      expect(await stage.release(id, 1, [named ?? {}]), "released already").toBe(409)
      expect(await stage.release(id, 1, [{ ...listed, listVersion: "list-3" }]), "never found").toBe(409)
      expect(await stage.release(id, 1, [listed ?? {}])).toBe(202)
      expect((await stage.platform.closed(id)).state).toBe("settled")
      expect(await stage.atBanks("Nora Nomatch")).toEqual([1])

      await stage.engine("/afterthoughts", { clearanceId: `${id}-S1`, listVersion: "list-3", decisions })
      await stage.has(id, "ClearanceWithdrawn")
    }))

  it("is asked again by new lists before an approved batch is paid, also if Redis forgot them", () =>
    usual.play(async (stage) => {
      const id = await stage.platform.submit("lists", {
        ...payouts("Alan Turing", "Grace Hopper"),
        ...gated,
      })
      await stage.is(id, 1, "cleared")
      await stage.announce("list-2", { name: "Alan Turing", ...review, decision: "rejected" })
      const { REDIS_URL = "", STREAM_PREFIX } = stage.platform.environment
      const redis = new Redis(REDIS_URL)
      expect(await redis.del(`${STREAM_PREFIX}:lists`), "Redis forgets the announcement").toBe(1)
      redis.disconnect()
      expect(await stage.approve(id)).toBe(202)
      expect((await stage.platform.closed(id)).state).toBe("partially-settled")
      expect(await stage.atBanks("Alan Turing")).toEqual([])
      expect(await stage.atBanks("Grace Hopper")).toEqual([1])
      expect((await stage.item(id, 2))?.clearance?.listVersion).toBe("list-2")
      const screened = (await stage.events(id)).filter(({ type }) => type === "ScreeningRequested")
      expect(screened.map(({ clearance }) => clearance)).toEqual([1, 2])
    }))

  it("is asked again at executeAt, when the clearance has grown old", () =>
    hasty.play(async (stage) => {
      let [id, executeAt, name] = ["", 0, ""]
      // On a machine that is busy the lists may come too late: then a batch has more time.
      for (const marginMs of [4_000, 12_000, 24_000]) {
        await stage.engine("/lists", { listVersion: "list-1" })
        executeAt = Date.now() + marginMs
        name = `Ada Lovelace ${marginMs}`
        const terms = { executeAt: new Date(executeAt).toISOString() }
        id = await stage.platform.submit(`in ${marginMs}`, {
          ...payouts(name, "Grace Hopper"),
          ...terms,
        })
        await stage.is(id, 1, "cleared")
        await stage.engine("/lists", {
          listVersion: "list-2",
          entries: [{ name: "Ada Lovelace", ...review }],
        })
        if (Date.now() < executeAt) break
      }
      await stage.is(id, 2, "settled")
      await stage.is(id, 1, "held")
      expect((await stage.item(id, 1))?.clearance?.findings).toMatchObject([{ listVersion: "list-2" }])
      expect((await stage.events(id)).map(({ type }) => type)).not.toContain("ClearanceWithdrawn")
      const started = (await stage.events(id)).find(({ type }) => type === "ExecutionStarted")
      expect(Date.parse(String(started?.at))).toBeGreaterThanOrEqual(executeAt)
    }))

  it("stops between two banks what the first one refused", () =>
    routed.play(async (stage) => {
      const { platform } = stage
      const { banks } = platform.sandbox
      const slow = { latency: { distribution: "constant", ms: 7_000 } }
      await fetch(`${banks.north}/sandbox/weather`, { method: "POST", body: JSON.stringify(slow) })
      const id = await platform.submit("between", payouts("Rudi Reroute"))
      await eventually("north was ordered to pay", async () => (await stage.orders(banks.north)) === 1)
      await stage.announce("list-2", { name: "Rudi Reroute", ...review })
      await stage.is(id, 1, "held")
      expect((await stage.events(id)).map(({ type }) => type)).toContain("RerouteRequested")
      expect(await stage.atBanks("Rudi Reroute")).toEqual([0])
      expect(await stage.orders(banks.south)).toBe(0)

      expect(await stage.release(id, 1)).toBe(202)
      expect((await platform.closed(id)).state).toBe("settled")
      expect(await stage.atBanks("Rudi Reroute")).toEqual([0, 1])
      await fetch(`${banks.north}/sandbox/weather`, { method: "DELETE" })
    }))

  it("is not paid on, and not asked without pause, while it goes by other lists than it announced", () =>
    routed.play(async (stage) => {
      await stage.announce("list-3")
      await stage.engine("/lists", { listVersion: "list-2" })
      const id = await stage.platform.submit("other lists", payouts("Ada Lovelace"))
      const begun = Date.now()
      await stage.has(id, "ScreeningRequested", 4)
      expect(Date.now() - begun, "it was given time").toBeGreaterThan(600)
      expect(await stage.atBanks("Ada Lovelace")).toEqual([])
      await stage.announce("list-3")
      expect((await stage.platform.closed(id)).state).toBe("settled")
      expect(await stage.atBanks("Ada Lovelace")).toEqual([1])
    }))
})
