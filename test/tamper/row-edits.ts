/** Edits of rows about batches: registers, read models, what is archived and entered, and the feed. */
import { attemptsOf } from "../../src/domain/batch.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { Chance } from "../fuzz/chance.ts"
import { type Edit, type Editor, inArchive, inRedis, someBatch } from "./edit.ts"
import type { Place } from "./place.ts"
import { PARTITIONS, type WorldBatch } from "./world.ts"

type Values = Readonly<Record<string, string | number | Date | Buffer>>

/** Changes columns of the rows of a batch. */
const changed = async (
  place: Place,
  table: string,
  key: string,
  id: BatchId,
  kind: string,
  values: Values,
): Promise<Edit> => {
  const undo = await place.keepingRows(table, key, id)
  await place.sql`update ${place.sql(table)} set ${place.sql(values)} where ${place.sql(key)} = ${id}`
  return { kind: `${table}: ${kind}`, named: [{ batch: id }], undo }
}

const deleted = async (place: Place, table: string, key: string, id: BatchId): Promise<Edit> => {
  const undo = await place.keepingRows(table, key, id)
  await place.sql`delete from ${place.sql(table)} where ${place.sql(key)} = ${id}`
  return { kind: `${table}: deleted`, named: [{ batch: id }], undo }
}

const someHash = (chance: Chance): string =>
  Array.from({ length: 43 }, () => "ABCDEFGHIJKLMNOPabcdefghijklmnop0123456789-_"[chance.below(44)]).join("")

const isClosed = ({ closedAt }: WorldBatch): boolean => closedAt !== undefined

/** A version, or a hash, in a table that has both; up, down, or of another history. */
const otherTail = async (
  place: Place,
  chance: Chance,
  table: string,
  key: string,
  { id }: WorldBatch,
): Promise<Edit | undefined> => {
  const [row] = await place.rows(table, key, id)
  if (row === undefined) return undefined
  const version = Number(row.version)
  if (chance.isTrue(0.4)) return changed(place, table, key, id, "head changed", { head: someHash(chance) })
  const by = chance.pick([-2, -1, 1, 2, 100])
  if (version + by < 1) return undefined
  return changed(place, table, key, id, by > 0 ? "version raised" : "version lowered", {
    version: version + by,
  })
}

export const editReadModel: Editor = async (place, chance) => {
  const batch = someBatch(place, chance)
  if (chance.isTrue(0.2)) return deleted(place, "payout_batches", "id", batch.id)
  return otherTail(place, chance, "payout_batches", "id", batch)
}

export const editClosedBatch: Editor = async (place, chance) => {
  const batch = someBatch(place, chance, isClosed)
  const { id } = batch
  const [row] = await place.rows("closed_batches", "batch", id)
  if (row === undefined) return undefined
  const change = (kind: string, values: Values) => changed(place, "closed_batches", "batch", id, kind, values)
  switch (chance.below(6)) {
    case 0:
      return deleted(place, "closed_batches", "batch", id)
    case 1:
      return change("partition changed", {
        partition: (Number(row.partition) + 1 + chance.below(3)) % PARTITIONS,
      })
    case 2:
      return change("time changed", {
        closed_at: new Date(Date.parse(String(row.closed_at)) + 1 + chance.below(1e6)),
      })
    case 3:
      return change("archived further", { archived_version: Number(row.version) + 1 + chance.below(9) })
    case 4:
      return change("entered further", { entered_version: Number(row.version) + 1 + chance.below(9) })
    default:
      return otherTail(place, chance, "closed_batches", "batch", batch)
  }
}

export const editArchivedLog: Editor = async (place, chance) => {
  const batch = someBatch(place, chance, inArchive)
  const { id } = batch
  const [row] = await place.rows("archived_logs", "batch", id)
  if (row === undefined) return undefined
  const change = (kind: string, values: Values) => changed(place, "archived_logs", "batch", id, kind, values)
  switch (chance.below(5)) {
    case 0:
      return deleted(place, "archived_logs", "batch", id)
    case 1:
      return change("partition changed", {
        partition: (Number(row.partition) + 1 + chance.below(3)) % PARTITIONS,
      })
    case 2:
      return change("time changed", {
        closed_at: new Date(Date.parse(String(row.closed_at)) + 1 + chance.below(1e6)),
      })
    case 3:
      // Of one that was restored, the archiver may not have noted it yet.
      return batch.whereabouts === "both" && row.unlinked_at === null && !(await isRestored(place, id))
        ? change("said to be unlinked", { unlinked_at: new Date() })
        : undefined
    default:
      return otherTail(place, chance, "archived_logs", "batch", batch)
  }
}

const isRestored = async (place: Place, id: BatchId): Promise<boolean> =>
  (await place.world.redis.zscore(place.keysOf(id).restored, id)) !== null

export const editRegister: Editor = async (place, chance) => {
  const { id, story } = someBatch(place, chance)
  const reported = [...story.batch.items.values()].flatMap((item) =>
    attemptsOf(item)
      .filter(({ transferId }) => transferId !== undefined)
      .map(({ attempt }) => ({ item: item.item, attempt })),
  )
  if (reported.length === 0) return undefined
  const { item, attempt } = chance.pick(reported)
  const named = [{ batch: id }]
  const undo = await place.keepingRows("instruction_register", "batch", id)
  const { sql } = place
  switch (chance.below(4)) {
    case 0:
      await sql`delete from instruction_register where batch = ${id} and item = ${item} and attempt = ${attempt}`
      return { kind: "instruction_register: deleted", named, undo }
    case 1:
      await sql`
        update instruction_register set bank = 'south' where batch = ${id} and item = ${item} and attempt = ${attempt}`
      return { kind: "instruction_register: bank changed", named, undo }
    case 2:
      await sql`
        update instruction_register set attempt = 9 where batch = ${id} and item = ${item} and attempt = ${attempt}`
      return { kind: "instruction_register: attempt changed", named, undo }
    default:
      await sql`
        insert into instruction_register (batch, item, attempt, bank)
        values (${id}, ${story.batch.itemCount + 1 + chance.below(5)}, 1, 'north')`
      return { kind: "instruction_register: inserted", named, undo }
  }
}

/** A tail that is noted earlier says less, and nothing wrong: only later ones and other hashes are edits. */
export const editTail: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance)
  const [row] = await place.rows("instruction_tails", "batch", id)
  if (row === undefined) return undefined
  switch (chance.below(3)) {
    case 0:
      return (await place.rows("instruction_register", "batch", id)).length > 0
        ? deleted(place, "instruction_tails", "batch", id)
        : undefined
    case 1:
      return changed(place, "instruction_tails", "batch", id, "head changed", { head: someHash(chance) })
    default:
      return changed(place, "instruction_tails", "batch", id, "version raised", {
        version: Number(row.version) + 1 + chance.below(100),
      })
  }
}

export const editDecision: Editor = async (place, chance) => {
  const { id } = someBatch(
    place,
    chance,
    ({ kind }) => kind === "parked and resolved" || kind === "cancelled in part",
  )
  const [row] = await place.rows("decision_register", "batch", id)
  if (row === undefined || row.answered_version === null) return undefined
  return changed(place, "decision_register", "batch", id, "answered head changed", {
    answered_head: someHash(chance),
  })
}

/** Leaves, nodes and roots of the proof tree. */
export const editTree: Editor = async (place, chance) => {
  const { sql } = place
  const leaves = await sql<
    Array<{ readonly position: number; readonly batch: BatchId; readonly version: number }>
  >`
    select position::int as position, batch, version from proof_leaves order by position`
  const leaf = chance.pick(leaves)
  const change = (kind: string, values: Values) =>
    changed(place, "proof_leaves", "batch", leaf.batch, kind, values)
  switch (chance.below(7)) {
    case 0:
      return deleted(place, "proof_leaves", "batch", leaf.batch)
    case 1:
      return change("head changed", { head: someHash(chance) })
    case 2:
      return change("events root changed", { events_root: Buffer.from(someHash(chance).slice(0, 32)) })
    case 3: {
      const undo = await place.keepingRows("proof_leaves", "position", leaf.position)
      await sql`update proof_leaves set version = version + ${1 + chance.below(9)} where position = ${leaf.position}`
      return { kind: "proof_leaves: version changed", named: [{ batch: leaf.batch }], undo }
    }
    case 4: {
      const [node] = await sql<Array<{ readonly level: number; readonly position: number }>>`
        select level, position::int as position from proof_nodes order by level, position
        offset ${chance.below(2 * leaves.length - leaves.length.toString(2).replaceAll("0", "").length)} limit 1`
      if (node === undefined) return undefined
      const undo = await place.keepingRows("proof_nodes", "level", node.level)
      if (chance.isTrue(0.5))
        await sql`delete from proof_nodes where level = ${node.level} and position = ${node.position}`
      else
        await sql`
          update proof_nodes set hash = ${Buffer.from(someHash(chance).slice(0, 32))}
          where level = ${node.level} and position = ${node.position}`
      // The leaf with which it was complete.
      const last = leaves[(node.position + 1) * 2 ** node.level - 1]
      return { kind: "proof_nodes: changed or deleted", named: [{ batch: last?.batch }], undo }
    }
    case 5: {
      const [row] = await place.sql<
        Array<{ readonly number: number }>
      >`select number::int as number from proof_roots limit 1`
      if (row === undefined) return undefined
      const undo = await place.keepingRows("proof_roots", "number", row.number)
      await sql`update proof_roots set root = ${Buffer.from(someHash(chance).slice(0, 32))} where number = ${row.number}`
      return { kind: "proof_roots: root changed", named: [{ batch: undefined }], undo }
    }
    default: {
      const undo = await place.keepingRows("proof_tree", "id", 1)
      await sql`update proof_tree set size = size + ${1 + chance.below(9)}`
      return { kind: "proof_tree: size raised", named: [{ batch: undefined }], undo }
    }
  }
}

/** Entries of a feed: another hash, other versions, or none. The first ones of a feed may be trimmed, so their absence says nothing. */
export const editFeed: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inRedis)
  const { feed } = place.keysOf(id)
  const { redis } = place.world
  const entries = (await redis.xrange(feed, "-", "+")).filter(([, [, batch]]) => batch === id)
  const at = chance.below(Math.max(1, entries.length))
  const entry = entries[at]
  if (entry === undefined) return undefined
  const named = [{ batch: id }]
  const undo = await place.keeping(feed)
  if (chance.isTrue(0.4)) {
    if (at === 0) return undefined
    await redis.xdel(feed, entry[0])
    return { kind: "feed: entry deleted", named, undo }
  }
  const [position, [, , , from = "", , to = "", , base = "", , head = ""]] = entry
  const values = chance.pick([
    { from, to, base, head: someHash(chance) },
    { from, to, base: someHash(chance), head },
    { from, to: String(Number(to) + 1), base, head },
  ])
  const all = await redis.xrange(feed, "-", "+")
  const pipeline = redis.pipeline().del(feed)
  for (const [other, fields] of all)
    if (other === position)
      pipeline.xadd(
        feed,
        position,
        "b",
        id,
        "f",
        values.from,
        "t",
        values.to,
        "p",
        values.base,
        "h",
        values.head,
      )
    else pipeline.xadd(feed, other, ...fields)
  await pipeline.exec()
  return { kind: "feed: entry changed", named, undo }
}
