/** How processes follow what administrators do, while their stores answer and while they do not. */
import { setTimeout as sleep } from "node:timers/promises"
import { crc32 } from "node:zlib"
import { Effect } from "effect"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import type { Administration } from "../../src/identity/administration.ts"
import { newApiKey } from "../../src/identity/api-key.ts"
import { MARKS_FRESH_MS } from "../../src/identity/key-directory.ts"
import { KeyRecords } from "../../src/identity/key-records.ts"
import { ownDatabase } from "../database.ts"
import { Gate } from "../gate.ts"
import { ownPrefix } from "../settings.ts"
import { AccessUnderTest, anna } from "./access-under-test.ts"

/** Within which time a key that was revoked is refused everywhere. */
const REVOKED_WITHIN_MS = 5_000
const POLL_MS = 50

const environment = { DATABASE_URL: "", STREAM_PREFIX: ownPrefix() }
let database: Awaited<ReturnType<typeof ownDatabase>>
/** Where the administrator acts. */
let office: AccessUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  environment.DATABASE_URL = database.url
  office = new AccessUnderTest(environment)
  await office.partner()
})
afterAll(async () => {
  await office[Symbol.asyncDispose]()
  await database.drop()
})

/** Another process, which reaches the stores through gates. */
class Branch implements AsyncDisposable {
  readonly postgres: Gate
  readonly redis: Gate
  readonly access: AccessUnderTest

  private constructor(postgres: Gate, redis: Gate) {
    this.postgres = postgres
    this.redis = redis
    this.access = new AccessUnderTest({ ...environment, DATABASE_URL: postgres.url, REDIS_URL: redis.url })
  }

  static async open(): Promise<Branch> {
    const branch = new Branch(await Gate.to(environment.DATABASE_URL), await Gate.to(inject("redisUrl")))
    await branch.access.accepts("nothing")
    return branch
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.postgres.mend()
    this.redis.mend()
    await this.access[Symbol.asyncDispose]()
    await this.postgres[Symbol.asyncDispose]()
    await this.redis[Symbol.asyncDispose]()
  }
}

/** Waits until a key is answered with something, and gives how long it took. */
const until = async (
  access: AccessUnderTest,
  key: string,
  answer: string,
  withinMs: number,
): Promise<number> => {
  const start = Date.now()
  for (;;) {
    const seen = await access.accepts(key)
    const tookMs = Date.now() - start
    if (seen === answer) return tookMs
    if (tookMs > withinMs) throw new Error(`${seen} after ${tookMs} ms`)
    await sleep(POLL_MS)
  }
}

// Up to the loss of marks, tests have partners, keys and processes of their own, and mostly wait: they wait together.

describe.concurrent("a key", { timeout: 60_000 }, () => {
  it("works at once in every process", async () => {
    await using branch = await Branch.open()
    const partner = await office.partner()
    const { text } = await office.key(partner, { owner: { kind: "partner", partner, name: "payroll" } })
    expect(await branch.access.accepts(text)).toBe(`partner:${partner}/payroll`)
  })

  it("of an operator is the operator", async () => {
    const asked = { owner: { kind: "operator", name: "olivia" }, scopes: ["review"], networks: [] } as const
    const { text } = await office.administer(({ createKey }) =>
      createKey(anna, { ...asked, expiresAt: undefined }),
    )
    expect(await office.accepts(text)).toBe("operator:olivia")
  })

  it("is refused with another secret, and if it does not exist", async () => {
    const { text } = await office.key(await office.partner())
    const other = newApiKey().text
    expect(await office.accepts(other)).toBe("Unauthorized")
    // The id of a key that works, and the secret of another one.
    const body = text.slice(0, 20) + other.slice(20, 63)
    const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    let [sum, left] = ["", crc32(body)]
    for (; sum.length < 6; left = Math.floor(left / 62)) sum = digits[left % 62] + sum
    expect(await office.accepts(body + sum)).toBe("Unauthorized")
    expect(office.lines.join("\n")).toMatch(/wrong-secret/)
    expect(await office.accepts(text)).toMatch(/^partner:/)
  })

  it("works only from its networks", async () => {
    const { text } = await office.key(await office.partner(), {
      networks: ["203.0.113.0/24", "2001:db8::/32"],
    })
    expect(await office.accepts(text, "203.0.113.77")).toMatch(/^partner:/)
    expect(await office.accepts(text, "2001:db8::7")).toMatch(/^partner:/)
    expect(await office.accepts(text, "198.51.100.7")).toBe("Unauthorized")
  })

  it.each([
    ["what it permits", "scopes = '{batches:approve}'"],
    ["whose it is", "partner = 'mallory'"],
    ["its name", "name = 'supervisor'"],
    ["its networks", "networks = '{}'"],
    ["its end", "expires_at = null"],
    ["its owner's kind", "owner = 'operator', partner = null"],
  ])("does not work once somebody changed %s in the table", async (_, change) => {
    const terms = {
      scopes: ["batches:read"],
      networks: ["203.0.113.0/24"],
      expiresAt: new Date(Date.now() + 1e9),
    }
    const { id, text } = await office.key(await office.partner(), terms)
    expect(await office.accepts(text)).toMatch(/^partner:/)
    await office.sql((sql) =>
      sql.unsafe(
        "insert into partners values ('mallory', 'M', 'active', 1, now(), 'm') on conflict do nothing",
      ),
    )
    await office.sql((sql) => sql.unsafe(`update api_keys set ${change} where id = '${id}'`))
    await using branch = await Branch.open()
    expect(await branch.access.accepts(text)).toBe("Unauthorized")
  })

  it("ends when it expires", async () => {
    const { text } = await office.key(await office.partner(), { expiresAt: new Date(Date.now() + 1_500) })
    expect(await office.accepts(text)).toMatch(/^partner:/)
    await until(office, text, "Unauthorized", 3_000)
  })

  it("and its successor both work until the overlap ends", async () => {
    await using branch = await Branch.open()
    const { id, text } = await office.key(await office.partner())
    expect(await branch.access.accepts(text)).toMatch(/^partner:/)
    const rotated = await office.administer(({ rotateKey }) => rotateKey(anna, id, { overlapMs: 4_000 }))
    const credential = await branch.access.accepts(rotated.text)
    expect(credential).toMatch(/^partner:/)
    expect(await branch.access.accepts(text)).toBe(credential)
    await until(branch.access, text, "Unauthorized", 4_000 + REVOKED_WITHIN_MS)
    expect(await branch.access.accepts(rotated.text)).toBe(credential)
  })

  // A poll belongs to a test, and of several at a time only their own `expect` knows which.
  it("shows when it was last used", { timeout: 40_000 }, async ({ expect }) => {
    const { id, text } = await office.key(await office.partner())
    const lastUsed = async () => (await office.administer(({ key }) => key(id))).lastUsedAt
    expect(await lastUsed()).toBeUndefined()
    const before = Date.now()
    await office.accepts(text)
    await expect.poll(lastUsed, { timeout: 30_000 }).toBeDefined()
    const first = await lastUsed()
    expect(Number(first)).toBeGreaterThanOrEqual(before)
    // Within a minute nothing is written again, whoever asks.
    const note = (at: number) =>
      office.run(Effect.flatMap(KeyRecords, ({ noteUses }) => noteUses(new Map([[id, at]]))))
    await note(Number(first) + 59_000)
    expect(await lastUsed()).toEqual(first)
    await note(Number(first) + 61_000)
    expect(Number(await lastUsed())).toBe(Number(first) + 61_000)
  })
})

describe.concurrent("a revoked key is refused in every process within five seconds", {
  timeout: 60_000,
}, () => {
  it.each([
    ["while all stores answer", () => {}],
    ["while the process does not reach Postgres", ({ postgres }: Branch) => postgres.cut()],
    ["while the process does not reach Redis", ({ redis }: Branch) => redis.cut()],
  ])("%s", async (_, cut) => {
    await using branch = await Branch.open()
    const { id, text } = await office.key(await office.partner())
    expect(await branch.access.accepts(text)).toMatch(/^partner:/)
    cut(branch)
    await office.administer(({ revokeKey }) => revokeKey(anna, id))
    await until(branch.access, text, "Unauthorized", REVOKED_WITHIN_MS)
  })

  it("and by one whose clock is behind", async () => {
    const { id, text } = await office.key(await office.partner())
    await office.sql(
      (sql) => sql`update api_keys set revoked_at = now() + interval '1 hour' where id = ${id}`,
    )
    await using branch = await Branch.open()
    expect(await branch.access.accepts(text)).toBe("Unauthorized")
  })

  it("and by a process that starts later", async () => {
    const { id, text } = await office.key(await office.partner())
    await office.administer(({ revokeKey }) => revokeKey(anna, id))
    await using branch = await Branch.open()
    expect(await branch.access.accepts(text)).toBe("Unauthorized")
  })
})

it.concurrent("a revocation that one store did not take is not reported as done, and done when it is repeated", {
  timeout: 60_000,
}, async ({ expect }) => {
  await using branch = await Branch.open()
  const { id } = await office.key(await office.partner())
  branch.redis.cut()
  expect(await branch.access.refusal(({ revokeKey }) => revokeKey(anna, id))).toMatchObject({
    _tag: "StoreUnavailable",
    store: "redis",
  })
  branch.redis.mend()
  // Its connection to Redis comes back by itself, which may take a moment.
  const repeated = () => branch.access.administer(({ revokeKey }) => revokeKey(anna, id))
  await expect.poll(() => repeated().catch(String), { timeout: 10_000 }).toMatchObject({ id })
  expect(await branch.access.trail(`api-key:${id}`)).toMatchObject([
    { act: "api-key.revoke" },
    { act: "api-key.create" },
  ])
})

describe.concurrent("a partner that is suspended", { timeout: 60_000 }, () => {
  it("is refused in every process within five seconds, and accepted again once it is resumed", async () => {
    await using branch = await Branch.open()
    const partner = await office.partner()
    const { text } = await office.key(partner)
    const credential = await branch.access.accepts(text)
    branch.postgres.cut()
    await office.administer(({ suspendPartner }) => suspendPartner(anna, partner))
    await until(branch.access, text, "PartnerSuspended", REVOKED_WITHIN_MS)
    await office.administer(({ resumePartner }) => resumePartner(anna, partner))
    await until(branch.access, text, credential, REVOKED_WITHIN_MS)
  })

  it("is refused with keys of the settings as well", async () => {
    await office.administer(({ createPartner }) => createPartner(anna, { id: "globex", name: "Globex" }))
    expect(await office.accepts("globex-key")).toMatch(/^partner:globex/)
    await office.administer(({ suspendPartner }) => suspendPartner(anna, "globex"))
    await until(office, "globex-key", "PartnerSuspended", REVOKED_WITHIN_MS)
    expect(await office.accepts("acme-key")).toMatch(/^partner:acme/)
  })
})

describe.concurrent("while a process does not reach Postgres", { timeout: 60_000 }, () => {
  it("keys that it knows work, and others are unavailable, not unknown", async () => {
    await using branch = await Branch.open()
    const partner = await office.partner()
    const [known, other] = [await office.key(partner), await office.key(partner)]
    expect(await branch.access.accepts(known.text)).toMatch(/^partner:/)
    branch.postgres.cut()
    expect(await branch.access.accepts(known.text)).toMatch(/^partner:/)
    expect(await branch.access.accepts(other.text)).toBe("StoreUnavailable")
    expect(await branch.access.accepts(newApiKey().text)).toBe("StoreUnavailable")
    expect(await branch.access.accepts("nothing")).toBe("Unauthorized")
    branch.postgres.mend()
    await until(branch.access, other.text, await office.accepts(other.text), 10_000)
  })

  it("a process knows the keys from before its start", async () => {
    const { text } = await office.key(await office.partner())
    await using branch = await Branch.open()
    branch.postgres.cut()
    expect(await branch.access.accepts(text)).toMatch(/^partner:/)
  })
})

it.concurrent("while a process reaches neither store, stored keys are unavailable and those of the settings work", {
  timeout: 60_000,
}, async () => {
  await using branch = await Branch.open()
  const { text } = await office.key(await office.partner())
  expect(await branch.access.accepts(text)).toMatch(/^partner:/)
  branch.postgres.cut()
  branch.redis.cut()
  await until(branch.access, text, "StoreUnavailable", REVOKED_WITHIN_MS)
  expect(await branch.access.accepts("acme-key")).toMatch(/^partner:acme/)
})

it.concurrent("while a process does not reach Redis, many requests at a time work under one key from one address", {
  timeout: 60_000,
}, async () => {
  await using branch = await Branch.open()
  const { text } = await office.key(await office.partner())
  const credential = await branch.access.accepts(text)
  branch.redis.cut()
  await sleep(MARKS_FRESH_MS + 500)
  for (let round = 0; round < 3; round += 1) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => branch.access.accepts(text)))
    expect(new Set(answers)).toEqual(new Set([credential]))
    await sleep(1_100)
  }
})

it("marks that Redis lost are written again from the record", { timeout: 60_000 }, async () => {
  const { id, text } = await office.key(await office.partner())
  const redis = new Redis(inject("redisUrl"))
  try {
    await office.administer(({ revokeKey }) => revokeKey(anna, id))
    const ended = `${environment.STREAM_PREFIX}:{access}:ended`
    await redis.del(ended, `${environment.STREAM_PREFIX}:{access}:version`)
    await expect.poll(() => redis.zscore(ended, id), { timeout: 40_000, interval: 200 }).not.toBeNull()
    expect(await office.accepts(text)).toBe("Unauthorized")
  } finally {
    redis.disconnect()
  }
})

/** Redis as it was before all marks. */
const loseMarks = async () => {
  const redis = new Redis(inject("redisUrl"))
  try {
    await redis.del(
      ["ended", "partners", "version"].map((key) => `${environment.STREAM_PREFIX}:{access}:${key}`),
    )
  } finally {
    redis.disconnect()
  }
}

describe("while Redis has lost the marks", { timeout: 60_000 }, () => {
  it("a process refuses what it has seen end, also without Postgres", async () => {
    await using branch = await Branch.open()
    const [revoked, suspended] = [await office.key(await office.partner()), await office.partner()]
    const other = await office.key(suspended)
    for (const { text } of [revoked, other]) expect(await branch.access.accepts(text)).toMatch(/^partner:/)
    branch.postgres.cut()
    await office.administer(({ revokeKey }) => revokeKey(anna, revoked.id))
    await office.administer(({ suspendPartner }) => suspendPartner(anna, suspended))
    await until(branch.access, other.text, "PartnerSuspended", REVOKED_WITHIN_MS)
    await until(branch.access, revoked.text, "Unauthorized", REVOKED_WITHIN_MS)
    await loseMarks()
    for (let round = 0; round < 60; round += 1) {
      expect(await branch.access.accepts(revoked.text)).toBe("Unauthorized")
      expect(await branch.access.accepts(other.text)).toBe("PartnerSuspended")
      await sleep(POLL_MS)
    }
  })

  it("a process that starts knows from the record who is suspended", async () => {
    const exists = ({ createPartner }: Administration["Service"]) =>
      Effect.ignore(createPartner(anna, { id: "globex", name: "Globex" }))
    await office.administer(exists)
    await office.administer(({ suspendPartner }) => suspendPartner(anna, "globex"))
    await loseMarks()
    await using branch = await Branch.open()
    expect(await branch.access.accepts("globex-key")).toBe("PartnerSuspended")
  })

  it("a process starts although Redis does not take them back now", async () => {
    const { id, text } = await office.key(await office.partner())
    await office.administer(({ revokeKey }) => revokeKey(anna, id))
    await loseMarks()
    await using access = new AccessUnderTest({
      ...environment,
      REDIS_REPLICAS: "1",
      REPLICATION_TIMEOUT_MS: "100",
    })
    expect(await access.accepts(text)).toBe("Unauthorized")
    expect(await access.accepts("acme-key")).toMatch(/^partner:acme/)
  })
})

it("a guesser costs no look-up for a key that was looked up before, and few at a time for others", {
  timeout: 30_000,
}, async () => {
  await using branch = await Branch.open()
  const { text } = newApiKey()
  expect(await branch.access.accepts(text)).toBe("Unauthorized")
  branch.postgres.cut()
  expect(await branch.access.accepts(text)).toBe("Unauthorized")
  branch.postgres.mend()
  await expect.poll(() => branch.access.accepts(newApiKey().text), { timeout: 10_000 }).toBe("Unauthorized")
  const guesses = Array.from({ length: 64 }, () => newApiKey().text)
  const answers = await Promise.all(guesses.map((guess) => branch.access.accepts(guess, "198.51.100.66")))
  expect(answers.filter((answer) => answer === "KeyLookupsFull").length).toBeGreaterThan(0)
  expect(answers.filter((answer) => answer === "Unauthorized").length).toBeGreaterThanOrEqual(16)
})
