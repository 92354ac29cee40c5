/** Looking at a running platform from outside, again and again until it has nothing left to do. */
import { setTimeout as sleep } from "node:timers/promises"
import { readBanks } from "./bank-transfers.ts"
import { readCompliance } from "./compliance-decisions.ts"
import { readCursors } from "./follower-cursors.ts"
import { type Evidence, unfinished } from "./invariants.ts"
import type { PostedBatch } from "./partner.ts"
import { readRedis, readUnfinished } from "./redis-snapshot.ts"

/** Where the traces of a platform are. */
export interface Traces {
  /** URLs. */
  readonly redisPrimaries: ReadonlyArray<string>
  readonly redisPrefix: string
  readonly databaseUrl: string
  readonly complianceUrl: string
  readonly bankUrls: ReadonlyArray<string>
}

/** What people outside remember: what the partner posted, and what a reviewer released, as "<batch> <item>". */
export interface Memory {
  readonly posted: ReadonlyArray<PostedBatch>
  readonly released?: ReadonlySet<string>
}

export const gather = async (traces: Traces, { posted, released = new Set() }: Memory): Promise<Evidence> => {
  // Who follows is read before whom it follows.
  const cursors = await readCursors(traces.databaseUrl)
  const redis = await readRedis(traces.redisPrimaries, traces.redisPrefix)
  const screened = await readCompliance(traces.complianceUrl)
  return { redis, banks: await readBanks(traces.bankUrls), cursors, screened, posted, released }
}

/** Waits until there is nothing left to do, or gives what is left. */
export const leftAtLast = async (
  traces: Traces,
  memory: Memory,
  { withinMs, mayPark = false }: { readonly withinMs: number; readonly mayPark?: boolean },
): Promise<ReadonlyArray<string>> => {
  const deadline = Date.now() + withinMs
  while (true) {
    const left = await leftNow(traces, memory, mayPark)
    if (left.length === 0 || Date.now() > deadline) return left
    await sleep(100)
  }
}

/** Looks closely only when Redis looks idle. Whoever does not answer, as a bank that is down, has something left. */
const leftNow = async (traces: Traces, memory: Memory, mayPark: boolean): Promise<ReadonlyArray<string>> => {
  try {
    const busy = await readUnfinished(traces.redisPrimaries, traces.redisPrefix)
    return busy.length > 0 ? busy : unfinished(await gather(traces, memory), mayPark)
  } catch (error) {
    return [`not everybody can be asked: ${error instanceof Error ? error.message : String(error)}`]
  }
}
