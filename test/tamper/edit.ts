/** An edit of what the stores have of a batch: what kind it is, whom verification has to name, and how it is undone. */
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { Chance } from "../fuzz/chance.ts"
import type { Place, Undo } from "./place.ts"
import type { WorldBatch } from "./world.ts"

/** What has to be named: a batch, and versions of its log if the edit is of some. Without a batch, the proof tree. */
export interface Named {
  readonly batch: BatchId | undefined
  readonly from?: number
  readonly to?: number
}

export interface Edit {
  readonly kind: string
  readonly named: ReadonlyArray<Named>
  readonly undo: Undo
}

/** Makes an edit by chance; nothing if this one would change nothing. */
export type Editor = (place: Place, chance: Chance) => Promise<Edit | undefined>

/** A batch by chance, the large one seldom: each edit of it writes a thousand events. */
export const someBatch = (
  { world: { batches } }: Place,
  chance: Chance,
  isMeant: (batch: WorldBatch) => boolean = () => true,
): WorldBatch => {
  const meant = batches.filter(isMeant)
  const small = meant.filter(({ story }) => story.batch.itemCount < 100)
  return chance.pick(small.length > 0 && !chance.isTrue(0.01) ? small : meant)
}

export const inRedis = ({ whereabouts }: WorldBatch): boolean => whereabouts !== "archive"
export const inArchive = ({ whereabouts }: WorldBatch): boolean => whereabouts !== "redis"
