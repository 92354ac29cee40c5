/** A small world in real stores: it is sound, whoever looks; what is wrong in it is told; and what cannot be seen is never called sound. */
import { Context, Effect, Exit, Scope } from "effect"
import postgres from "postgres"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { newProofKey, signerOf } from "../../src/proof/proof-key.ts"
import { LogEvidence, RecordEvidence } from "../../src/verification/evidence.ts"
import type { Finding } from "../../src/verification/finding.ts"
import { verifyAll, verifyBatches } from "../../src/verification/verify-all.ts"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { type OwnDatabase, ownDatabase } from "../database.ts"
import { ownPrefix } from "../settings.ts"
import { Place } from "../tamper/place.ts"
import { makeWorld, PARTITIONS, type World } from "../tamper/world.ts"

let scope: Scope.Closeable
let database: OwnDatabase
let world: World

beforeAll(async () => {
  database = await ownDatabase()
  scope = await Effect.runPromise(Scope.make())
  const place = { redisUrl: inject("redisUrl"), databaseUrl: database.url, prefix: ownPrefix() }
  world = await Effect.runPromise(Scope.provide(makeWorld(place, 1), scope))
}, 60_000)

afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await database.drop()
})

const verifying = async (
  evidence: World["evidence"] = world.evidence,
  batches: ReadonlyArray<BatchId> | undefined = undefined,
) => {
  const findings: Array<Finding> = []
  const options = { onFinding: (finding: Finding) => findings.push(finding) }
  const verify = batches === undefined ? verifyAll(options) : verifyBatches(batches, options)
  const result = await Effect.runPromise(Effect.provide(verify, evidence))
  return { ...result, found: findings }
}

const somewhere = (whereabouts: World["batches"][number]["whereabouts"]): BatchId => {
  const batch = world.batches.find((batch) => batch.whereabouts === whereabouts)
  if (batch === undefined) throw new Error(`no batch is in ${whereabouts}`)
  return batch.id
}

/** The settings of a process that verifies, for users who may only read. */
const readers = async () => {
  const [name, password] = [`reader_${world.prefix}`, "only-reads"]
  await world.redis.call(
    "ACL",
    "SETUSER",
    name,
    "on",
    `>${password}`,
    `~${world.prefix}:*`,
    "+@read",
    "+@connection",
    "+info",
    "-@write",
  )
  const server = postgres(world.databaseUrl, { max: 1, onnotice: () => {} })
  await server.unsafe(`create role ${name} login password '${password}'`)
  await server.unsafe(`grant select on all tables in schema public to ${name}`)
  const urlOf = (given: string) => {
    const url = new URL(given)
    url.username = name
    url.password = password
    return url.href
  }
  return {
    settings: {
      REDIS_URL: urlOf(world.redisUrl),
      DATABASE_URL: urlOf(world.databaseUrl),
      STREAM_PREFIX: world.prefix,
      PARTITIONS: String(PARTITIONS),
    },
    forget: async () => {
      await world.redis.call("ACL", "DELUSER", name)
      await server.unsafe(`drop owned by ${name}`)
      await server.unsafe(`drop role ${name}`)
      await server.end()
    },
  }
}

describe("all of history", () => {
  it("is sound where nobody has touched it", async () => {
    const { batches, events, found } = await verifying()
    expect(found).toEqual([])
    expect(batches).toBe(world.batches.length)
    expect(events).toBe(world.batches.reduce((sum, { story }) => sum + story.events.length, 0))
  })

  it("lacks a log that only other stores still name", async () => {
    await using place = new Place(world)
    const id = somewhere("redis")
    const undo = await place.writeLog(id, [])
    const { found } = await verifying()
    await undo()
    expect(found).toContainEqual(expect.objectContaining({ kind: "no-log", batch: id, wrong: "redis log" }))
    expect((await verifying()).found).toEqual([])
  })

  it("says who is wrong where the others agree", async () => {
    await using place = new Place(world)
    const id = somewhere("both")
    const undo = await place.keepingRows("payout_batches", "id", id)
    await place.sql`update payout_batches set head = ${"x".repeat(43)} where id = ${id}`
    const [finding] = (await verifying(world.evidence, [id])).found
    await undo()
    expect(finding).toMatchObject({ kind: "other-history", store: "read models", wrong: "read models" })
  })

  it("is not blamed for a log that moved while it was looked at", async () => {
    const id = somewhere("both")
    const logs = Context.get(world.evidence, LogEvidence)
    let looks = 0
    const unsteady = Context.add(world.evidence, LogEvidence, {
      ...logs,
      read: (ranges) => {
        looks += 1
        return looks === 1 ? Effect.succeed(ranges.map(() => [])) : logs.read(ranges)
      },
    })
    expect((await verifying(unsteady, [id])).found).toEqual([])
    expect(looks).toBeGreaterThan(1)
  })

  it("has a log that was unlinked before it was looked for in Redis, and not noted yet", async () => {
    await using place = new Place(world)
    const id = somewhere("archive")
    const undo = await place.keepingRows("archived_logs", "batch", id)
    await place.sql`update archived_logs set unlinked_at = null, unlinking = true where batch = ${id}`
    const logs = Context.get(world.evidence, LogEvidence)
    let looks = 0
    // It is still there when the archive's logs are looked for, and gone when those in Redis are listed.
    const moving = Context.add(world.evidence, LogEvidence, {
      ...logs,
      lengths: (batches) => {
        looks += 1
        const isFirst = looks === 1
        return Effect.map(logs.lengths(batches), (lengths) =>
          lengths.map((length, index) => (isFirst && batches[index] === id ? 1 : length)),
        )
      },
    })
    const { batches, found } = await verifying(moving)
    await undo()
    expect(found).toEqual([])
    expect(batches).toBe(world.batches.length)
  })

  it("has positions that are of no feed, and followers that move on meanwhile", async () => {
    await using place = new Place(world)
    await place.sql`
      insert into projection_checkpoints (projection, partition, position) values ('event-stream', 0, '204-204')`
    const records = Context.get(world.evidence, RecordEvidence)
    let looks = 0
    const moving = Context.add(world.evidence, RecordEvidence, {
      ...records,
      cursors: Effect.map(records.cursors, (cursors) => {
        looks += 1
        // The feeds take it where it stands once each, and then it is looked at by itself.
        return looks === PARTITIONS + 1 ? cursors.map((cursor) => ({ ...cursor, position: "1-1" })) : cursors
      }),
    })
    const { found } = await verifying(moving)
    await place.sql`delete from projection_checkpoints where projection = 'event-stream'`
    expect(found).toEqual([])
    expect(looks).toBe(PARTITIONS + 2)
  })

  it("has roots that only a trusted key may have signed", async () => {
    const findings: Array<Finding> = []
    const trustedKeys = [signerOf(newProofKey(), "atlaspay").publicKey]
    const onFinding = (finding: Finding) => findings.push(finding)
    await Effect.runPromise(Effect.provide(verifyAll({ trustedKeys, onFinding }), world.evidence))
    expect(new Set(findings.map(({ kind, batch }) => `${kind} ${batch}`))).toEqual(
      new Set(["tree-damaged undefined"]),
    )
  })

  it("is not called sound while a store is away", async () => {
    const away = Context.add(world.evidence, RecordEvidence, {
      ...Context.get(world.evidence, RecordEvidence),
      attempts: () =>
        Effect.fail({ _tag: "StoreUnavailable", store: "postgres", step: "read attempts" } as never),
    })
    await expect(verifying(away)).rejects.toThrow()
  })
})

describe("the command verify", () => {
  it("needs no right to write, and ends with 0, 1 or 2", { timeout: 60_000 }, async () => {
    await using place = new Place(world)
    const { settings, forget } = await readers()
    const run = (given: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
      atlaspay(given, "verify", ...args).end()
    const id = somewhere("archive")
    const [sound, unreachable, misplaced] = await Promise.all([
      run(settings, "--all"),
      run({ ...settings, DATABASE_URL: "postgres://127.0.0.1:9/none" }, id),
      run({ ...settings, PARTITIONS: "3" }, id),
    ])
    expect(sound).toMatchObject({ status: 0, lines: [expect.stringContaining("all agree")] })
    expect([unreachable.status, misplaced.status]).toEqual([2, 2])
    const undo = await place.keepingRows("archived_logs", "batch", id)
    await place.sql`update archived_logs set head = ${"x".repeat(43)} where batch = ${id}`
    const found = await run(settings, "--json", id)
    await undo()
    await forget()
    expect(found.status).toBe(1)
    expect(JSON.parse(found.lines[0] ?? "").finding).toMatchObject({ batch: id, store: "archive" })
  })
})
