/** A pool on two servers: it is on the primary, whichever that is, and believes no other. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { afterEach, beforeEach, expect, it } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { eventually } from "../platform-under-test.ts"
import { settings } from "../settings.ts"
import { ReplicatedPostgres } from "./replicated-postgres.ts"

let servers: ReplicatedPostgres
let scope: Scope.Closeable
beforeEach(async () => {
  scope = await Effect.runPromise(Scope.make())
  servers = await ReplicatedPostgres.open("asynchronous")
})
afterEach(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await servers?.[Symbol.asyncDispose]()
})

const openPool = async (url: string) => {
  const layer = Layer.fresh(Postgres.layer).pipe(Layer.provide(settings({ DATABASE_URL: url })))
  const services = await Effect.runPromise(Layer.build(layer).pipe(Scope.provide(scope)))
  const { query } = Context.get(services, Postgres)
  return {
    /** The port of the server that answers, or the code of the failure. */
    port: () =>
      Effect.runPromise(
        query(
          "ask for the port",
          (sql) => sql<Array<{ port: number }>>`select inet_server_port() as port`,
        ).pipe(
          Effect.map(([row]) => row?.port),
          Effect.catch(({ reason }) => Effect.succeed(reason)),
        ),
      ),
    run: (statement: string) => Effect.runPromiseExit(query("run", (sql) => sql.unsafe(statement))),
  }
}

/** The server in use does not answer, and no other one is a primary. */
const failures: ReadonlyArray<unknown> = ["CONNECTION_CLOSED", "ECONNRESET", "ECONNREFUSED", "NO_PRIMARY"]

const reversed = (url: string): string => url.replace(/(127[^,]+),([^/]+)/, "$2,$1")

it("is on the primary, wherever the URL names it, and goes to the one that is promoted", async () => {
  const { primary: first, standby: second, url } = servers
  const pool = await openPool(reversed(url))
  expect(await pool.port()).toBe(first.port)
  await first.kill()
  expect(failures).toContain(await pool.port())
  await second.promote()
  await eventually("the pool is on the second", async () => (await pool.port()) === second.port)
})

it("leaves a primary that was replaced while both answer, and does not go back when the new one is away", async () => {
  const { primary: first, standby: second, url } = servers
  const pool = await openPool(url)
  expect(await pool.port()).toBe(first.port)
  await second.promote()
  await eventually("the pool is on the second", async () => (await pool.port()) === second.port)
  expect(await first.ask((sql) => sql`select pg_is_in_recovery() as recovering`)).toMatchObject([
    { recovering: false },
  ])
  await second.kill()
  await eventually("there is no primary", async () => failures.includes(await pool.port()))
  // The first one answers all the while, and nobody asks it.
  for (let times = 0; times < 3; times += 1) expect(failures).toContain(await pool.port())
  await second.start()
  await eventually("the pool is on the second again", async () => (await pool.port()) === second.port)
})

it("fails what is under way on a frozen primary as soon as another one is promoted", async () => {
  const { primary: first, standby: second, url } = servers
  const pool = await openPool(url)
  await pool.run("create table written (id int)")
  await eventually(
    "the standby has the table",
    async () =>
      (await second.ask((sql) => sql`select to_regclass('written') is not null as there`))[0]?.there === true,
  )
  first.freeze()
  const written = pool.run("insert into written values (1)")
  await second.promote()
  expect(Exit.isFailure(await written)).toBe(true)
  expect(await pool.port()).toBe(second.port)
  first.thaw()
  expect(Exit.isSuccess(await pool.run("insert into written values (2)"))).toBe(true)
  expect(await second.ask((sql) => sql`select id from written`)).toMatchObject([{ id: 2 }])
})

it("uses none of two primaries on one timeline, until one of them is gone", async () => {
  const { primary: first, standby: second, url } = servers
  const pool = await openPool(url)
  expect(await pool.port()).toBe(first.port)
  // Started without what makes it a standby, it is a copy that believes to be the primary.
  await second.stop()
  rmSync(join(second.data, "standby.signal"))
  await second.start()
  await eventually("none is used", async () => (await pool.port()) === "SEVERAL_PRIMARIES")
  const another = await openPool(reversed(url))
  expect(await another.port()).toBe("SEVERAL_PRIMARIES")
  await second.kill()
  await eventually("the first is used again", async () => (await pool.port()) === first.port)
  await eventually("by all", async () => (await another.port()) === first.port)
})

it("uses no server that only reads, be it the only one", async () => {
  const { standby: second } = servers
  const standby = await openPool(second.url)
  expect(await standby.port()).toBe("NOT_PRIMARY")
  await second.promote()
  expect(await standby.port()).toBe(second.port)
})
