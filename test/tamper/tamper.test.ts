/** A short form of `npm run test:tamper`, and of each edit beside logs some. */
import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll, expect, inject, it } from "vitest"
import { type OwnDatabase, ownDatabase } from "../database.ts"
import { lengthOf } from "../length.ts"
import { seed } from "../property.ts"
import { ownPrefix } from "../settings.ts"
import type { Editor } from "./edit.ts"
import * as state from "./state-edits.ts"
import { runTampering, tamperWith } from "./tamper-run.ts"
import { makeWorld, type World } from "./world.ts"

const EDITS = lengthOf({ full: 10_000, short: 120 })

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

it("finds every edit and names it", { timeout: 900_000 }, async () => {
  const report = await runTampering([world], { seed, edits: EDITS })
  expect(report.missed).toEqual([])
  expect(report.edits).toBe(EDITS)
})

const editors: ReadonlyArray<readonly [what: string, editor: Editor, edits: number]> = [
  ["an event that no worker appended", state.forgeAppend, 4],
  ["an event at the end of an archived log", state.forgeArchived, 6],
  ["a row of the read models that is gone, or says less", state.forgetShown, 4],
  ["a field that no log has", state.editFields, 2],
  ["what is no log", state.replaceLog, 1],
  ["work that nobody will be woken for", state.takeFromOpen, 2],
  ["a senseless entry of a feed", state.garbleFeed, 4],
  ["a closed batch that nobody is to archive", state.hideClosing, 2],
  ["a chunk that says otherwise where it belongs", state.editChunkColumns, 8],
  ["a root that nobody signed so", state.editRoot, 16],
  ["a tree that says it is smaller", state.lowerTreeSize, 1],
  ["a tree that was computed again over another leaf", state.rewriteTree, 4],
]

it.for(editors)("finds %s", { timeout: 120_000 }, async ([, editor, edits]) => {
  expect(await tamperWith(world, editor, { seed: 1, edits })).toEqual([])
})
