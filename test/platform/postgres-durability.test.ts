/** What the service says to a Postgres that may forget, on databases that are set so. */
import { Effect, Exit, Layer, Logger } from "effect"
import postgres from "postgres"
import { describe, expect, it } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { postgresDurabilityLayer } from "../../src/platform/postgres-durability.ts"
import { emptyDatabase } from "../database.ts"
import { settings } from "../settings.ts"

const withDatabase = async (
  setting: string | undefined,
  test: (url: string) => Promise<void>,
): Promise<void> => {
  const { url, drop } = await emptyDatabase()
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    const name = new URL(url).pathname.slice(1)
    if (setting !== undefined) await sql.unsafe(`alter database ${name} set ${setting}`)
    await sql.end()
    await test(url)
  } finally {
    await drop()
  }
}

/** How the check ends, and the lines that it logged. */
const check = async (url: string, environment: Readonly<Record<string, string>>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message, logLevel }) => {
    lines.push(`${logLevel} ${JSON.stringify(message)}`)
  })
  const exit = await Effect.runPromiseExit(
    Effect.scoped(Layer.build(postgresDurabilityLayer)).pipe(
      Effect.provide(Layer.fresh(Postgres.layer)),
      Effect.provide(settings({ DATABASE_URL: url, ...environment })),
      Effect.provide(Logger.layer([logger])),
    ),
  )
  return { refused: Exit.isFailure(exit) ? String(exit.cause) : undefined, lines: lines.join("\n") }
}

const production = { NODE_ENV: "production" }

describe("a Postgres", () => {
  it("that keeps what it acknowledges is relied on, and that is said in one line", () =>
    withDatabase(undefined, async (url) => {
      const { refused, lines } = await check(url, production)
      expect(refused).toBeUndefined()
      expect(lines.split("\n").length).toBe(1)
      expect(lines).toMatch(/^Info .*fsync on, synchronous_commit on/)
    }))

  it.each([
    [
      "synchronous_commit = off",
      "synchronous_commit off, wanted local or remote_write or on or remote_apply",
    ],
    ["default_transaction_read_only = on", "transaction_read_only on, wanted off"],
  ])("whose sessions have %s is refused in production, and warned of elsewhere", (setting, complaint) =>
    withDatabase(setting, async (url) => {
      const vouched = { ...production, DURABILITY_VOUCHED: "true" }
      expect((await check(url, vouched)).refused).toContain(complaint)
      const { refused, lines } = await check(url, {})
      expect(refused).toBeUndefined()
      expect(lines).toMatch(/^Warn /m)
    }),
  )

  it("with fewer standbys than are waited for is refused in production", () =>
    withDatabase(undefined, async (url) => {
      const { refused } = await check(url, { ...production, DATABASE_STANDBYS: "1" })
      expect(refused).toContain("synchronous_standby_names none, wanted 1 waited for")
      expect(refused).toContain("synchronous standbys 0, wanted 1")
    }))

  it("that commits to its own disk alone is refused where standbys are waited for", () =>
    withDatabase("synchronous_commit = local", async (url) => {
      expect((await check(url, production)).refused).toBeUndefined()
      const { refused } = await check(url, { ...production, DATABASE_STANDBYS: "1" })
      expect(refused).toContain("synchronous_commit local, wanted on or remote_apply")
    }))
})
