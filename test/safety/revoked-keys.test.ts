/** Keys are revoked at the command line, and processes of the service refuse them, also one that does not reach Postgres. */
import { setTimeout as sleep } from "node:timers/promises"
import { expect, inject, it } from "vitest"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { ownDatabase } from "../database.ts"
import { Gate } from "../gate.ts"
import { freePort, PlatformUnderTest } from "../platform-under-test.ts"
import { masterKeys } from "../settings.ts"

const REVOKED_WITHIN_MS = 5_000

it("a revoked key is refused by every process within five seconds, also without Postgres", {
  timeout: 180_000,
}, async () => {
  const database = await ownDatabase()
  const gate = await Gate.to(database.url)
  const stores = { REDIS_URL: inject("redisUrl"), DATABASE_URL: database.url, MASTER_KEYS: masterKeys }
  try {
    await using platform = await PlatformUnderTest.open({ DATABASE_URL: gate.url, ROLES: "api" })
    const [one, other] = [await platform.start(), await platform.start({ PORT: String(await freePort()) })]
    const command = async (...args: ReadonlyArray<string>) => {
      const run = atlaspay({ ...stores, STREAM_PREFIX: String(platform.environment.STREAM_PREFIX) }, ...args)
      const { status, lines } = await run.end()
      expect(status, run.output()).toBe(0)
      return lines
    }
    await command("partners", "create", "--partner", "initech")
    const terms = ["--partner", "initech", "--name", "payroll", "--scopes", "batches:read,batches:write"]
    const [created = ""] = await command("api-keys", "create", ...terms, "--json")
    const { id, key } = JSON.parse(created)
    const ask = async (url: string): Promise<number> =>
      (
        await fetch(`${url}/payout-batches/pb_aaaaaaaaaaaaaaaaaaaaaa`, {
          headers: { authorization: `Bearer ${key}` },
        })
      ).status
    expect([await ask(one.url), await ask(other.url)]).toEqual([404, 404])

    gate.cut()
    await command("api-keys", "revoke", id, "--reason", "leaked")
    const revokedAt = Date.now()
    for (const { url } of [one, other]) {
      while ((await ask(url)) !== 401) {
        expect(Date.now() - revokedAt).toBeLessThan(REVOKED_WITHIN_MS)
        await sleep(50)
      }
    }
    const lines = await command("audit", "--json")
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { act: "api-key.revoke", subject: `api-key:${id}`, who: expect.stringMatching(/^cli:/) },
      { act: "api-key.create", subject: `api-key:${id}` },
      { act: "partner.create", subject: "partner:initech" },
    ])
    expect(lines.join("\n")).not.toContain(String(key).slice(20))
    gate.mend()
  } finally {
    await gate[Symbol.asyncDispose]()
    await database.drop()
  }
})
