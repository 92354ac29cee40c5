/** A person who is signed out: tokens from before work nowhere, whichever store answers. The issuer is a real server. */
import { setTimeout as sleep } from "node:timers/promises"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest"
import { AccessMarks, NO_MARKS, SIGN_OUTS_KEPT_MS } from "../../src/identity/access-marks.ts"
import { MARKS_FRESH_MS } from "../../src/identity/key-directory.ts"
import { credentialOfSubject } from "../../src/identity/sign-in.ts"
import { ownDatabase } from "../database.ts"
import { Gate } from "../gate.ts"
import { ownPrefix } from "../settings.ts"
import { AccessUnderTest, anna } from "./access-under-test.ts"
import { AUDIENCE, IssuerUnderTest, type SigningKey, signingKey } from "./issuer-under-test.ts"

const SIGNED_OUT_WITHIN_MS = 5_000

let environment: Readonly<Record<string, string>> = {}
let database: Awaited<ReturnType<typeof ownDatabase>>
let issuer: IssuerUnderTest
let key: SigningKey
/** Where the administrator acts, and another process. */
let [office, branch]: ReadonlyArray<AccessUnderTest> = []
let [postgres, redis]: ReadonlyArray<Gate> = []

beforeAll(async () => {
  database = await ownDatabase()
  key = await signingKey("one")
  issuer = await IssuerUnderTest.open([key])
  environment = {
    DATABASE_URL: database.url,
    STREAM_PREFIX: ownPrefix(),
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: AUDIENCE,
    OIDC_ROLES: "leads=approver",
    OIDC_OPERATORS: "bert=00u-bert",
    OPERATOR_KEYS: "bert:approve=bert-key",
  }
  ;[postgres, redis] = [await Gate.to(database.url), await Gate.to(inject("redisUrl"))]
  office = new AccessUnderTest(environment)
  branch = new AccessUnderTest({
    ...environment,
    DATABASE_URL: postgres?.url ?? "",
    REDIS_URL: redis?.url ?? "",
  })
  await Promise.all([office.accepts("nothing"), branch.accepts("nothing")])
})
afterAll(async () => {
  postgres?.mend()
  redis?.mend()
  await Promise.all([office, branch].map((one) => one?.[Symbol.asyncDispose]()))
  await Promise.all([postgres, redis].map((one) => one?.[Symbol.asyncDispose]()))
  await issuer[Symbol.asyncDispose]()
  await database.drop()
})

const at = (process: AccessUnderTest | undefined): AccessUnderTest => process as AccessUnderTest
const tokenOf = (sub: string, agoSeconds = 0) => {
  const now = Math.floor(Date.now() / 1_000)
  return issuer.token(key, { sub, roles: ["leads"], iat: now - agoSeconds })
}
const nameOf = (sub: string) =>
  credentialOfSubject({ issuer: issuer.url, operatorOf: new Map() }, sub).slice("operator:".length)

const signOut = (operator: string, reason?: string) =>
  at(office).administer(({ signOut }) => signOut(anna, operator, reason))

/** Waits until a token is answered with something. */
const until = (process: AccessUnderTest | undefined, token: string, answer: string) =>
  expect.poll(() => at(process).accepts(token), { timeout: SIGNED_OUT_WITHIN_MS, interval: 50 }).toBe(answer)

describe("a person who is signed out", () => {
  it("has no token that works, in any process; others keep theirs", async () => {
    const [token, other] = [await tokenOf("00u-anna"), await tokenOf("00u-carl")]
    for (const process of [office, branch])
      expect(await at(process).accepts(token)).toBe(`operator:${nameOf("00u-anna")}`)
    await signOut(nameOf("00u-anna"), "left")
    await until(office, token, "Unauthorized")
    await until(branch, token, "Unauthorized")
    expect(await at(branch).accepts(other)).toBe(`operator:${nameOf("00u-carl")}`)
    expect(await at(office).trail(`operator:${nameOf("00u-anna")}`)).toMatchObject([
      { act: "person.sign-out", who: anna.who, before: null, after: { reason: "left" } },
    ])
  })

  it("is known by the name of the settings, and by the one without; the key of that name works on", async () => {
    const token = await tokenOf("00u-bert")
    expect(await at(office).accepts(token)).toBe("operator:bert")
    await signOut("bert")
    await until(office, token, "Unauthorized")
    expect(await at(office).accepts("bert-key")).toBe("operator:bert")
  })

  it("works again under a token that was issued after it, by any clock", async () => {
    const name = nameOf("00u-dora")
    const mark = { ...NO_MARKS, signedOut: new Map([[name, Date.now() - 60_000]]) }
    const [before, doubtful, after] = [
      await tokenOf("00u-dora", 90),
      await tokenOf("00u-dora", 40),
      await tokenOf("00u-dora", 10),
    ]
    await at(office).run(Effect.flatMap(AccessMarks, ({ write }) => write(mark)))
    await until(branch, before, "Unauthorized")
    expect(await at(branch).accepts(doubtful)).toBe("Unauthorized")
    expect(await at(branch).accepts(after)).toBe(`operator:${name}`)
  })

  it("stays so while Postgres is away, and while Redis is", async () => {
    const token = await tokenOf("00u-emil")
    expect(await at(branch).accepts(token)).toBe(`operator:${nameOf("00u-emil")}`)
    postgres?.cut()
    await signOut(nameOf("00u-emil"))
    await until(branch, token, "Unauthorized")
    postgres?.mend()
    redis?.cut()
    const another = await tokenOf("00u-fred")
    await signOut(nameOf("00u-fred"))
    await until(branch, another, "Unauthorized")
    redis?.mend()
  })

  it("stays so without Redis, and with a Postgres that was set back", { timeout: 20_000 }, async () => {
    const name = nameOf("00u-hans")
    const token = await tokenOf("00u-hans")
    // The record has no such sign-out: only Redis has it, and who reads it there.
    const mark = { ...NO_MARKS, signedOut: new Map([[name, Date.now()]]) }
    await at(office).run(Effect.flatMap(AccessMarks, ({ write }) => write(mark)))
    await expect.poll(() => at(branch).accepts(token), { timeout: 10_000, interval: 50 }).toBe("Unauthorized")
    redis?.cut()
    await sleep(MARKS_FRESH_MS + 500)
    expect(await at(branch).accepts(token)).toBe("Unauthorized")
    redis?.mend()
  })

  it("is so by the clock of Postgres, whatever that of the administrator's machine says", async () => {
    const before = Date.now()
    const behind = vi.spyOn(Date, "now").mockImplementation(() => before - 600_000)
    const { atMs } = await signOut(nameOf("00u-ilse")).finally(() => behind.mockRestore())
    expect(atMs).toBeGreaterThan(before - 5_000)
  })

  it("is forgotten when no token can be as old", async () => {
    const [old, young] = [Date.now() - SIGN_OUTS_KEPT_MS - 1_000, Date.now() - SIGN_OUTS_KEPT_MS + 60_000]
    const signedOut = new Map([
      ["old", old],
      ["young", young],
    ])
    await at(office).run(Effect.flatMap(AccessMarks, ({ write }) => write({ ...NO_MARKS, signedOut })))
    const read = await at(office).run(Effect.flatMap(AccessMarks, ({ read }) => read()))
    expect([read.signedOut?.has("old"), read.signedOut?.has("young")]).toEqual([false, true])
    await at(office).sql((sql) => sql`insert into sign_outs values ('ancient', ${old}, 'test')`)
    await signOut("grete")
    const rows = await at(office).sql<ReadonlyArray<unknown>>(
      (sql) => sql`select from sign_outs where operator = 'ancient'`,
    )
    expect(rows).toHaveLength(0)
  })
})
