/** Edits the world at one place after the other, and expects verification to find and name each, and nothing once it is undone. */
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { type Finding, findingLine } from "../../src/verification/finding.ts"
import { verifyTree } from "../../src/verification/tree-verification.ts"
import { verifyBatches } from "../../src/verification/verify-all.ts"
import { Chance } from "../fuzz/chance.ts"
import type { Edit, Editor, Named } from "./edit.ts"
import {
  damageChunk,
  deleteLog,
  editArchive,
  editChunks,
  editLog,
  swapArchives,
  swapLogs,
} from "./log-edits.ts"
import { Place } from "./place.ts"
import {
  editArchivedLog,
  editClosedBatch,
  editDecision,
  editFeed,
  editReadModel,
  editRegister,
  editTail,
  editTree,
} from "./row-edits.ts"
import {
  editChunkColumns,
  editFields,
  editRoot,
  forgeAppend,
  forgeArchived,
  forgetShown,
  garbleFeed,
  hideClosing,
  lowerTreeSize,
  replaceLog,
  rewriteTree,
  takeFromOpen,
} from "./state-edits.ts"
import type { World } from "./world.ts"

/** How many of a hundred edits each makes. */
const editors: ReadonlyArray<readonly [share: number, Editor]> = [
  [30, editLog],
  [16, editArchive],
  [2, swapLogs],
  [2, deleteLog],
  [1, swapArchives],
  [3, damageChunk],
  [3, editChunks],
  [5, editReadModel],
  [5, editClosedBatch],
  [4, editArchivedLog],
  [5, editRegister],
  [2, editTail],
  [1, editDecision],
  [4, editTree],
  [3, editFeed],
  [2, forgeAppend],
  [1, forgeArchived],
  [1, editFields],
  [1, replaceLog],
  [1, takeFromOpen],
  [1, forgetShown],
  [1, garbleFeed],
  [1, hideClosing],
  [2, editChunkColumns],
  [3, editRoot],
  [1, lowerTreeSize],
  [1, rewriteTree],
]
const byShare = editors.flatMap(([share, editor]) => Array.from({ length: share }, () => editor))
/** An edit that would change nothing is drawn again. */
const DRAWS_MAX = 200
const PROGRESS_EVERY = 500

export interface TamperReport {
  readonly edits: number
  readonly byKind: Readonly<Record<string, number>>
  /** Edits that were not found, or not named, and findings that stayed. */
  readonly missed: ReadonlyArray<string>
  readonly viaCommand: number
}

/** Verifies by the command line: its exit status, and what it found. */
export type ByCommand = (
  world: World,
  batches: ReadonlyArray<BatchId>,
) => Promise<{ readonly status: number; readonly findings: ReadonlyArray<Finding> }>

export interface TamperOptions {
  readonly seed: number
  readonly edits: number
  /** Each edit with a number divisible by this is also verified by the command. */
  readonly byCommand?: { readonly every: number; readonly verify: ByCommand } | undefined
  readonly onProgress?: (line: string) => void
}

/** Makes the edits in worlds beside each other, which take turns: an edit is undone before the next one in its world. */
export const runTampering = async (
  worlds: ReadonlyArray<World>,
  options: TamperOptions,
): Promise<TamperReport> => {
  const byKind = new Map<string, number>()
  const missed: Array<string> = []
  let [done, viaCommand] = [0, 0]
  const inOne = async (world: World, lane: number) => {
    await using place = new Place(world)
    for (let number = lane + 1; number <= options.edits; number += worlds.length) {
      const edit = await someEdit(place, options.seed, number)
      byKind.set(edit.kind, (byKind.get(edit.kind) ?? 0) + 1)
      const byCommand = options.byCommand !== undefined && number % options.byCommand.every === 0
      if (byCommand) viaCommand += 1
      const verify = byCommand ? options.byCommand?.verify : undefined
      for (const what of await tried(world, edit, verify))
        missed.push(`edit ${number} (${edit.kind}): ${what}`)
      done += 1
      if (done % PROGRESS_EVERY === 0) options.onProgress?.(`${done} edits, ${missed.length} missed`)
    }
  }
  await Promise.all(worlds.map(inOne))
  return { edits: done, byKind: Object.fromEntries([...byKind].sort()), missed, viaCommand }
}

/** What verification misses of an edit, which is undone then. */
const tried = async (
  world: World,
  edit: Edit,
  verify: ByCommand | undefined,
): Promise<ReadonlyArray<string>> => {
  const missed: Array<string> = []
  const ids = [...new Set(edit.named.flatMap(({ batch }) => batch ?? []))]
  const found = await findingsOf(world, ids)
  for (const named of edit.named)
    if (!found.some((finding) => names(finding, named)))
      missed.push(
        `${named.batch} ${named.from ?? ""}-${named.to ?? ""} is not named by: ${found.map(findingLine).join("; ")}`,
      )
  if (verify !== undefined) {
    const { status, findings } = await verify(world, ids)
    if (status !== 1 || !edit.named.every((named) => findings.some((finding) => names(finding, named))))
      missed.push(`the command ended with ${status} and ${findings.length} findings`)
  }
  await edit.undo()
  const left = await findingsOf(world, ids)
  if (left.length > 0) missed.push(`left behind: ${left.map(findingLine).join("; ")}`)
  return missed
}

/** Makes some edits of one kind in a world, and gives what was missed of them. */
export const tamperWith = async (
  world: World,
  editor: Editor,
  { seed, edits }: Pick<TamperOptions, "seed" | "edits">,
): Promise<ReadonlyArray<string>> => {
  await using place = new Place(world)
  const missed: Array<string> = []
  for (let number = 1; number <= edits; number += 1) {
    const edit = await someEdit(place, seed, number, [editor])
    for (const what of await tried(world, edit, undefined)) missed.push(`${edit.kind}: ${what}`)
  }
  return missed
}

const someEdit = async (
  place: Place,
  seed: number,
  number: number,
  editors: ReadonlyArray<Editor> = byShare,
): Promise<Edit> => {
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const chance = new Chance(seed, "edit", number, draw)
    const edit = await chance.pick(editors)(place, chance)
    if (edit !== undefined) return edit
  }
  throw new Error("no edit could be drawn")
}

const findingsOf = async (world: World, batches: ReadonlyArray<BatchId>): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  const onFinding = (finding: Finding) => findings.push(finding)
  // What is of no batch is of the tree as a whole.
  if (batches.length > 0)
    await Effect.runPromise(Effect.provide(verifyBatches(batches, { onFinding }), world.evidence))
  else
    await Effect.runPromise(
      Effect.provide(
        verifyTree((found) => findings.push(...found)),
        world.evidence,
      ),
    )
  return findings
}

/** A finding names an edit if it is of its batch, and about the versions of it: the break may show at the next entry. */
const names = ({ batch, entry, from = entry }: Finding, named: Named): boolean => {
  if (batch !== named.batch) return false
  if (named.from === undefined || named.to === undefined || entry === undefined || from === undefined)
    return true
  return numberOf(from) <= named.to + 1 && numberOf(entry) >= named.from
}

const numberOf = (entry: string): number => Number(entry.split("-")[0])
