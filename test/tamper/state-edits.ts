/** Edits of what stands beside logs and decides what becomes of them: appends that no worker made, schedules, signatures, whole trees. */
import { hashOfLeaf } from "../../src/proof/batch-leaf.ts"
import { readNote } from "../../src/proof/checkpoint.ts"
import { GrowingTree } from "../../src/proof/merkle-tree.ts"
import { linkOf } from "../../src/streams/hash-chain.ts"
import { partitionOf } from "../../src/streams/partition.ts"
import type { Chance } from "../fuzz/chance.ts"
import { type Edit, type Editor, inArchive, inRedis, someBatch } from "./edit.ts"
import type { Place, Undo } from "./place.ts"
import { PARTITIONS } from "./world.ts"

const both =
  (...undoes: ReadonlyArray<Undo>): Undo =>
  async () => {
    for (const undo of undoes) await undo()
  }

/** An event that a worker might have appended, chained as it would have been: the bank is said to have paid. */
export const forgeAppend: Editor = async (place, chance) => {
  const batch = someBatch(place, chance, ({ kind }) => kind === "unfinished")
  const { id, story } = batch
  const open = [...story.batch.items.values()].find(({ state }) => state === "pending")
  const settled = (await place.linesInRedis(someSettled(place, chance))).find(({ text }) =>
    text.includes('"TransferSettled"'),
  )
  if (open === undefined || settled === undefined) return undefined
  const event = { ...(JSON.parse(settled.text) as object), item: open.item, attempt: 1 }
  const text = JSON.stringify(event)
  const lines = await place.linesInRedis(id)
  const version = lines.length + 1
  const hash = linkOf(lines.at(-1)?.hash ?? "", text)
  const undo = await place.writeLog(id, [...lines, { version, text, hash, command: "forged" }])
  return { kind: "log: legal event appended", named: [{ batch: id, from: version, to: version }], undo }
}

/** The same at the end of a log that the archive alone has: a person is said to have been refused. Its row may say so, too. */
export const forgeArchived: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, ({ whereabouts }) => whereabouts === "archive")
  const lines = await place.linesInArchive(id)
  const last = lines.at(-1)
  if (last === undefined) return undefined
  const { at } = JSON.parse(last.text) as { at: number }
  const event = {
    _tag: "CommandRefused",
    by: "ops",
    at,
    commandId: "forged",
    command: "Cancel",
    reason: "closed",
  }
  const [version, text] = [lines.length + 1, JSON.stringify(event)]
  const forged = { version, text, hash: linkOf(last.hash, text), command: "" }
  const withRow = chance.isTrue(0.5)
  const undo = await place.writeArchive(id, [...lines, forged], withRow)
  const kind = `archive: legal event appended${withRow ? ", with its row" : ""}`
  return { kind, named: [{ batch: id, from: version, to: version }], undo }
}

const someSettled = (place: Place, chance: Chance) =>
  someBatch(place, chance, (batch) => inRedis(batch) && batch.kind === "settled").id

/** Another name for a field of an entry, or a field too many. */
export const editFields: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inRedis)
  const key = place.keysOf(id).log(id)
  const { redis } = place.world
  const entries = await redis.xrange(key, "-", "+")
  const at = chance.below(entries.length)
  const undo = await place.keeping(key)
  const pipeline = redis.pipeline().del(key)
  for (const [index, [entry, fields]] of entries.entries()) {
    const edited = chance.isTrue(0.5) ? fields.with(fields.length - 2, "x") : [...fields, "x", "y"]
    pipeline.xadd(key, entry, ...(index === at ? edited : fields))
  }
  await pipeline.exec()
  return { kind: "log: field renamed or added", named: [{ batch: id, from: at + 1, to: at + 1 }], undo }
}

/** Something else in the place of a log. */
export const replaceLog: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inRedis)
  const key = place.keysOf(id).log(id)
  const undo = await place.keeping(key)
  await place.world.redis.set(key, "a log")
  return { kind: "log: replaced by a text", named: [{ batch: id }], undo }
}

/** A batch with work left is taken from the open ones: no sweep finds it again. */
export const takeFromOpen: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, ({ kind }) => kind === "unfinished")
  const { open } = place.keysOf(id)
  const undo = await place.keeping(open)
  if ((await place.world.redis.zrem(open, id)) === 0) throw new Error("an unfinished batch is open")
  return { kind: "queues: taken from the open batches", named: [{ batch: id }], undo }
}

/** The read models lose an open batch, or show it as it once was, although the projector has read on; the feed still has it all. */
export const forgetShown: Editor = async (place, chance) => {
  const { id } = someBatch(
    place,
    chance,
    (batch) => batch.closedAt === undefined && partitionOf(batch.id, PARTITIONS) % 2 === 1,
  )
  const undo = await place.keepingRows("payout_batches", "id", id)
  const { sql } = place
  if (chance.isTrue(0.5)) await sql`delete from payout_batches where id = ${id}`
  else {
    const earlier = (await place.linesInRedis(id)).at(-2)
    if (earlier === undefined) return undefined
    await sql`update payout_batches set version = ${earlier.version}, head = ${earlier.hash} where id = ${id}`
  }
  return { kind: "payout_batches: forgotten", named: [{ batch: id }], undo }
}

/** An entry of a feed that says nothing. */
export const garbleFeed: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance)
  const { feed } = place.keysOf(id)
  const undo = await place.keeping(feed)
  const [from, to] = chance.pick([
    ["x", "1"],
    ["1", ""],
    ["2", "1"],
    ["0", "0"],
  ] as const)
  await place.world.redis.xadd(feed, "*", "b", id, "f", from, "t", to)
  return { kind: "feed: senseless entry", named: [{ batch: id }], undo }
}

/** A closed batch that nobody is to archive or to enter into the tree. */
export const hideClosing: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, (batch) => batch.closedAt !== undefined && inRedis(batch))
  const undo = both(
    await place.keepingRows("closed_batches", "batch", id),
    await place.keepingRows("payout_batches", "id", id),
  )
  await place.sql`delete from closed_batches where batch = ${id}`
  await place.sql`update payout_batches set closed_at = null where id = ${id}`
  return { kind: "closed_batches: deleted, and its closing too", named: [{ batch: id }], undo }
}

/** Columns of a chunk beside its events. */
export const editChunkColumns: Editor = async (place, chance) => {
  const { id } = someBatch(place, chance, inArchive)
  const chunk = chance.pick(await place.chunksOf(id))
  const undo = await place.keepingRows("archived_chunks", "batch", id)
  const column = chance.pick(["base", "head", "codec", "after", "version"] as const)
  const value = column === "after" || column === "version" ? chunk[column] + 1 : `${chunk[column]}x`
  const { sql } = place
  await sql`
    update archived_chunks set ${sql({ [column]: value })} where batch = ${id} and after = ${chunk.after}`
  return {
    kind: `archived_chunks: ${column} changed`,
    named: [{ batch: id, from: chunk.after + 1, to: chunk.version }],
    undo,
  }
}

/** A signed root: what its note states, what stands beside it, or the keys. */
export const editRoot: Editor = async (place, chance): Promise<Edit | undefined> => {
  const { sql } = place
  const roots = await sql<Array<{ readonly number: number; readonly size: number; readonly note: string }>>`
    select number::int as number, size::int as size, note from proof_roots order by number`
  const { number, size, note } = chance.pick(roots)
  const undo = await place.keepingRows("proof_roots", "number", number)
  const named = [{ batch: undefined }]
  const changed = async (what: string, values: Readonly<Record<string, string | number | Date>>) => {
    await sql`update proof_roots set ${sql(values)} where number = ${number}`
    return { kind: `proof_roots: ${what}`, named, undo }
  }
  switch (chance.below(8)) {
    case 0:
      return changed("note changed", { note: withOtherCharacter(note, chance) })
    case 1:
      return changed("note of another root", {
        note: chance.pick(roots.filter((one) => one.number !== number)).note,
      })
    case 2:
      return changed("size changed", { size: size + chance.pick([-1, 1]) })
    case 3:
      return changed("time changed", { signed_at: new Date((readNote(note)?.checkpoint.at ?? 0) + 1) })
    case 4:
      return changed("origin changed", { origin: "elsewhere" })
    case 5:
      return changed("key changed", { key_id: "01234567" })
    case 6: {
      if (number === roots.length) return undefined
      await sql`delete from proof_roots where number = ${number}`
      return { kind: "proof_roots: deleted", named, undo }
    }
    default: {
      const [key] = await sql<Array<{ readonly key_id: string }>>`select key_id from proof_keys`
      const undoKey = await place.keepingRows("proof_keys", "key_id", key?.key_id ?? "")
      await sql`delete from proof_keys`
      return { kind: "proof_keys: deleted", named, undo: undoKey }
    }
  }
}

const withOtherCharacter = (text: string, chance: Chance): string => {
  const at = chance.below(text.length)
  return `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`
}

export const lowerTreeSize: Editor = async (place, chance) => {
  const undo = await place.keepingRows("proof_tree", "id", 1)
  await place.sql`update proof_tree set size = size - ${1 + chance.below(9)}`
  return { kind: "proof_tree: size lowered", named: [{ batch: undefined }], undo }
}

/** A leaf says something else, and every node and the columns of every root are computed again: only logs and signatures tell. */
export const rewriteTree: Editor = async (place, chance) => {
  const { sql } = place
  const leaves = await sql<
    Array<{ position: number; batch: string; version: number; head: string; eventsRoot: Buffer }>
  >`
    select position::int as position, batch, version, head, events_root as "eventsRoot" from proof_leaves
    order by position`
  const leaf = chance.pick(leaves)
  const undoes = [await place.keepingRows("proof_leaves", "position", leaf.position)]
  leaf.eventsRoot = Buffer.from(leaf.eventsRoot.toReversed())
  await sql`update proof_leaves set events_root = ${leaf.eventsRoot} where position = ${leaf.position}`
  const nodes = await sql<Array<{ level: number; position: number; hash: Buffer }>>`
    select level, position::int as position, hash from proof_nodes`
  const roots = await sql<Array<{ number: number; size: number }>>`
    select number::int as number, size::int as size from proof_roots`
  for (const { number } of roots) undoes.push(await place.keepingRows("proof_roots", "number", number))
  const tree = new GrowingTree()
  for (const one of leaves) {
    for (const { level, position, hash } of tree.add(hashOfLeaf(one)))
      await sql`update proof_nodes set hash = ${hash} where level = ${level} and position = ${position}`
    await sql`update proof_roots set root = ${tree.root} where size = ${tree.size}`
  }
  undoes.push(async () => {
    for (const { level, position, hash } of nodes)
      await sql`update proof_nodes set hash = ${hash} where level = ${level} and position = ${position}`
  })
  const named = chance.pick([[{ batch: leaf.batch as never }], [{ batch: undefined }]])
  return { kind: "proof tree: computed again over another leaf", named, undo: both(...undoes) }
}
