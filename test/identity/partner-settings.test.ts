/** Settings of partners: how they are changed, and how processes follow the change. */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import type { PartnerSettings } from "../../src/domain/partner-settings.ts"
import { AccessMarks, NO_MARKS } from "../../src/identity/access-marks.ts"
import { PARTNERS_MAX } from "../../src/identity/access-register.ts"
import { KeyDirectory, MARKS_FRESH_MS } from "../../src/identity/key-directory.ts"
import { ownDatabase } from "../database.ts"
import { Gate } from "../gate.ts"
import { ownPrefix } from "../settings.ts"
import { AccessUnderTest, anna } from "./access-under-test.ts"

/** Within which time a change counts everywhere. */
const COUNTS_WITHIN_MS = 5_000

const environment = { DATABASE_URL: "", STREAM_PREFIX: ownPrefix() }
let database: Awaited<ReturnType<typeof ownDatabase>>
/** Where the administrator acts. */
let office: AccessUnderTest
/** Another process, which reaches the stores through gates. */
let [postgres, redis, branch]: [Gate, Gate, AccessUnderTest] = [] as never
beforeAll(async () => {
  database = await ownDatabase()
  environment.DATABASE_URL = database.url
  office = new AccessUnderTest(environment)
  await office.partner()
  postgres = await Gate.to(environment.DATABASE_URL)
  redis = await Gate.to(inject("redisUrl"))
  branch = new AccessUnderTest({ ...environment, DATABASE_URL: postgres.url, REDIS_URL: redis.url })
  await branch.accepts("nothing")
})
afterAll(async () => {
  for (const gate of [postgres, redis]) gate.mend()
  for (const access of [branch, office]) await access[Symbol.asyncDispose]()
  for (const gate of [postgres, redis]) await gate[Symbol.asyncDispose]()
  await database.drop()
})

/** The settings that a process goes by, or the reason for which it knows none. */
const seen = (access: AccessUnderTest, partner: string): Promise<unknown> =>
  access.run(
    Effect.flatMap(KeyDirectory, ({ settingsOf }) =>
      Effect.match(settingsOf(partner), {
        onSuccess: ({ settings }) => settings,
        onFailure: ({ store }) => store,
      }),
    ),
  )

const set = (partner: string, settings: PartnerSettings) =>
  office.administer(({ changeSettings }) => changeSettings(anna, partner, () => settings))

const first: PartnerSettings = { dayMax: { EUR: "100.00" }, currencies: ["EUR"] }
const second: PartnerSettings = { dayMax: { EUR: "50.00" }, modes: ["strict"] }

describe("settings", () => {
  it("are changed with an entry in the trail, before and after, and not without a change", async () => {
    const partner = await office.partner()
    const { version } = await set(partner, first)
    const again = await set(partner, first)
    expect(again.version, "a repetition counts from then on").toBeGreaterThan(version)
    const later = await set(partner, second)
    expect(later.version).toBeGreaterThan(again.version)
    expect(await office.administer(({ settings }) => settings(partner))).toEqual(later)
    const [last, before, ...others] = await office.trail(`partner:${partner}`)
    expect(last).toMatchObject({ act: "partner.settings", who: anna.who, before: first, after: second })
    expect(before).toMatchObject({ act: "partner.settings", before: {}, after: first })
    expect(others.map(({ act }) => act)).toEqual(["partner.create"])
  })

  it("are of a partner that exists", async () => {
    const change = await office.refusal(({ changeSettings }) => changeSettings(anna, "nobody", () => first))
    expect(change).toMatchObject({ _tag: "NoSuchSubject" })
    expect(await office.refusal(({ settings }) => settings("nobody"))).toMatchObject({
      _tag: "NoSuchSubject",
    })
    expect(await seen(office, "nobody"), "one of the settings of the service").toEqual({})
  })

  it("count in every process within five seconds, and as they were when it starts", async () => {
    const partner = await office.partner()
    expect(await seen(branch, partner)).toEqual({})
    for (const settings of [first, second, {}]) {
      await set(partner, settings)
      await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toEqual(settings)
    }
    await set(partner, first)
    await using started = new AccessUnderTest(environment)
    expect(await seen(started, partner)).toEqual(first)
  })

  it("are read without Postgres, and never as they were before a change", { timeout: 30_000 }, async () => {
    const [same, changed] = [await office.partner(), await office.partner()]
    for (const partner of [same, changed]) {
      await set(partner, first)
      await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toEqual(first)
    }
    postgres.cut()
    await set(changed, second)
    await expect.poll(() => seen(branch, changed), { timeout: 15_000 }).toBe("postgres")
    expect(await seen(branch, same)).toEqual(first)
    expect(await seen(branch, "acme"), "a partner without settings").toEqual({})
    postgres.mend()
    await expect.poll(() => seen(branch, changed), { timeout: 15_000 }).toEqual(second)
  })

  it("are confirmed by Postgres while Redis does not answer", { timeout: 30_000 }, async () => {
    const partner = await office.partner()
    await set(partner, first)
    await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toEqual(first)
    redis.cut()
    await sleep(MARKS_FRESH_MS + 500)
    await set(partner, second)
    await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toEqual(second)
    redis.mend()
  })

  it("that are older than those that were set are not used", async () => {
    const partner = await office.partner()
    await set(partner, first)
    await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toEqual(first)
    const { version } = await set(partner, second)
    await office.sql(
      (sql) => sql`update partners set settings = '{}', settings_ms = ${version - 1} where id = ${partner}`,
    )
    await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toBe("postgres")
    await set(partner, {})
    await expect
      .poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS, message: "also those that came back" })
      .toEqual({})
    await set(partner, second)
    await expect.poll(() => seen(branch, partner), { timeout: COUNTS_WITHIN_MS }).toEqual(second)
  })

  it("of all partners are marked again at once, after Redis has lost the marks", async () => {
    const settings = new Map(Array.from({ length: PARTNERS_MAX }, (_, index) => [`p-${index}`, index + 1]))
    // Without partners in Postgres: a process whose marks are lost marks again what Postgres has.
    const empty = await ownDatabase()
    try {
      await using access = new AccessUnderTest({ DATABASE_URL: empty.url, STREAM_PREFIX: ownPrefix() })
      const { write, read } = await access.run(AccessMarks)
      await access.run(write({ ...NO_MARKS, settings }))
      expect((await access.run(read())).settings).toEqual(settings)
    } finally {
      await empty.drop()
    }
  })

  it("that this release cannot read are not passed over", async () => {
    const partner = await office.partner()
    await set(partner, first)
    await office.sql(
      (sql) =>
        sql`update partners set settings = '{"weekMax": {}}', settings_ms = settings_ms + 1 where id = ${partner}`,
    )
    await using started = new AccessUnderTest(environment)
    expect(await seen(started, partner)).toBe("postgres")
    expect(
      await office.refusal(({ changeSettings }) => changeSettings(anna, partner, () => first)),
    ).toMatchObject({
      reason: "UNREADABLE",
    })
  })
})
