/** Looking at a running platform from outside, again and again until it has nothing left to do. */
import { setTimeout as sleep } from "node:timers/promises"
import { readBanks } from "./bank-transfers.ts"
import { readCompliance } from "./compliance-decisions.ts"
import { readCursors } from "./follower-cursors.ts"
import { type Evidence, unfinished } from "./invariants.ts"
import { readLies } from "./lies.ts"
import type { PostedBatch } from "./partner.ts"
import type { PersonsWord } from "./persons-word.ts"
import { readRedis, readUnfinished } from "./redis-snapshot.ts"
import type { SetBack } from "./set-backs.ts"

/** Where the traces of a platform are. */
export interface Traces {
  /** URLs. */
  readonly redisPrimaries: ReadonlyArray<string>
  readonly redisPrefix: string
  readonly databaseUrl: string
  readonly complianceUrl: string
  readonly bankUrls: ReadonlyArray<string>
  /** The servers of the sandbox that may lie, by name. */
  readonly liars?: Readonly<Record<string, string>>
}

/** What is remembered outside: what the partner posted, what people said, and what was done to the stores. */
export interface Memory {
  readonly posted: ReadonlyArray<PostedBatch>
  readonly said?: ReadonlyArray<PersonsWord>
  readonly setBacks?: ReadonlyArray<SetBack>
  /** Gives the errors in the service's own logs since a store was set back. */
  readonly alarms?: () => ReadonlyArray<string>
}

export const gather = async (traces: Traces, memory: Memory): Promise<Evidence> => {
  const { posted, said = [], setBacks = [], alarms = () => [] } = memory
  // Who follows is read before whom it follows.
  const cursors = await readCursors(traces.databaseUrl)
  const redis = await readRedis(traces.redisPrimaries, traces.redisPrefix)
  const screened = await readCompliance(traces.complianceUrl)
  const banks = await readBanks(traces.bankUrls)
  const lies = await readLies(traces.liars ?? {})
  return { redis, banks, cursors, screened, posted, said, lies, setBacks, alarms: alarms() }
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
