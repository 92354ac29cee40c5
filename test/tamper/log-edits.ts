/** Edits of logs in Redis and in the archive. */
import { Effect } from "effect"
import { unpacked } from "../../src/archive/archived-chunk.ts"
import type { Chance } from "../fuzz/chance.ts"
import { type Edit, type Editor, inArchive, inRedis, someBatch } from "./edit.ts"
import { careful, editLines, type Line, lineEdits } from "./line-edits.ts"
import type { Place } from "./place.ts"

/** An edit of some events of a log in Redis. */
export const editLog: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inRedis)
  const { edit, care, edited } = await someLines(place, chance, id, () => place.linesInRedis(id))
  if (edited === undefined) return undefined
  const undo = await place.writeLog(id, edited.lines)
  return { kind: `log: ${edit}, ${care}`, named: [{ batch: id, from: edited.from, to: edited.to }], undo }
}

/** The same in the archive, where the row of the log may be edited with it. */
export const editArchive: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inArchive)
  const { edit, care, edited } = await someLines(place, chance, id, () => place.linesInArchive(id))
  if (edited === undefined) return undefined
  const withRow = chance.isTrue(0.5)
  const undo = await place.writeArchive(id, edited.lines, withRow)
  const row = withRow ? ", with its row" : ""
  return {
    kind: `archive: ${edit}, ${care}${row}`,
    named: [{ batch: id, from: edited.from, to: edited.to }],
    undo,
  }
}

const someLines = async (
  place: Place,
  chance: Chance,
  id: string,
  read: () => Promise<ReadonlyArray<Line>>,
) => {
  const edit = chance.pick(lineEdits)
  const care = ["deleted, leaving a gap", "truncated", "hash changed"].includes(edit)
    ? "as it was"
    : chance.pick(careful)
  const other = someBatch(place, chance, (batch) => inRedis(batch) && batch.id !== id)
  const lines = await read()
  const edited = editLines(
    edit,
    care,
    chance,
    id as typeof other.id,
    lines,
    await place.linesInRedis(other.id),
  )
  return { edit, care, edited }
}

/** Two logs in each other's place. */
export const swapLogs: Editor = async (place, chance) => {
  const [one, other] = [someBatch(place, chance, inRedis), someBatch(place, chance, inRedis)]
  if (one.id === other.id) return undefined
  const [first, second] = [await place.linesInRedis(one.id), await place.linesInRedis(other.id)]
  const undoes = [await place.writeLog(one.id, second), await place.writeLog(other.id, first)]
  return {
    kind: "log: swapped with another",
    named: [{ batch: one.id }, { batch: other.id }],
    undo: async () => {
      for (const undo of undoes) await undo()
    },
  }
}

export const deleteLog: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inRedis)
  return { kind: "log: deleted whole", named: [{ batch: id }], undo: await place.writeLog(id, []) }
}

/** An archived log under the name of another batch. */
export const swapArchives: Editor = async (place, chance) => {
  const [one, other] = [someBatch(place, chance, inArchive), someBatch(place, chance, inArchive)]
  if (one.id === other.id) return undefined
  const [first, second] = [await place.linesInArchive(one.id), await place.linesInArchive(other.id)]
  const undoes = [
    await place.writeArchive(one.id, second, true),
    await place.writeArchive(other.id, first, true),
  ]
  return {
    kind: "archive: swapped with another",
    named: [{ batch: one.id }, { batch: other.id }],
    undo: async () => {
      for (const undo of undoes) await undo()
    },
  }
}

/** A byte of a compressed chunk. One that unpacks to the same text is the same history. */
export const damageChunk: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inArchive)
  const chunk = chance.pick(await place.chunksOf(id))
  const events = Buffer.from(chunk.events)
  const at = chance.below(events.length)
  events[at] = (events[at] ?? 0) ^ (1 << chance.below(8))
  const [before, after] = await Promise.all(
    [chunk, { ...chunk, events }].map((one) => Effect.runPromise(Effect.result(unpacked(one)))),
  )
  if (JSON.stringify(before) === JSON.stringify(after)) return undefined
  const undo = await place.keepingRows("archived_chunks", "batch", id)
  await place.sql`update archived_chunks set events = ${events} where batch = ${id} and after = ${chunk.after}`
  return {
    kind: "archive: byte of a compressed chunk changed",
    named: [{ batch: id, from: chunk.after + 1, to: chunk.version }],
    undo,
  }
}

/** Whole chunks: deleted, or those of another batch, with their own base and head. */
export const editChunks: Editor = async (place, chance): Promise<Edit | undefined> => {
  const { id } = someBatch(place, chance, inArchive)
  const chunk = chance.pick(await place.chunksOf(id))
  const named = [{ batch: id, from: chunk.after + 1, to: chunk.version }]
  if (chance.isTrue(0.3)) {
    const undo = await place.keepingRows("archived_chunks", "batch", id)
    await place.sql`delete from archived_chunks where batch = ${id} and after = ${chunk.after}`
    return { kind: "archive: chunk deleted", named, undo }
  }
  const other = chance.pick(await place.chunksOf(someBatch(place, chance, inArchive).id))
  if (other.batch === id) return undefined
  const undo = await place.keepingRows("archived_chunks", "batch", id)
  await place.sql`
    update archived_chunks set events = ${other.events as Buffer}, head = ${other.head}
    where batch = ${id} and after = ${chunk.after}`
  return { kind: "archive: chunk transplanted", named, undo }
}
