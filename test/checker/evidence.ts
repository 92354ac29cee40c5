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

/** How to wait: for how long, with how much patience for a platform on which nothing happens, and how often to look. */
export interface Looks {
  readonly withinMs: number
  readonly mayPark?: boolean
  /** After so long without any change it is over, whatever is left. */
  readonly stillMs?: number
  readonly everyMs?: number
}

/** Waits until there is nothing left to do, or gives what is left. */
export const leftAtLast = async (
  traces: Traces,
  memory: Memory,
  { withinMs, mayPark = false, stillMs = Number.POSITIVE_INFINITY, everyMs = 100 }: Looks,
): Promise<ReadonlyArray<string>> => {
  const deadline = Date.now() + withinMs
  const motion = new Motion()
  const look = { mayPark, isClose: Number.isFinite(stillMs) }
  while (true) {
    const { left, isQuiet } = await leftNow(traces, memory, look, motion)
    const isOver = left.length === 0 && isQuiet
    if (isOver || motion.stillForMs() > stillMs || Date.now() > deadline) return left
    await sleep(everyMs)
  }
}

/** Whether anything happens: at the banks, in the logs, or with what is left. */
class Motion {
  #seen = ""
  #since = Date.now()

  look(seen: unknown): void {
    const text = JSON.stringify(seen)
    if (text === this.#seen) return
    this.#seen = text
    this.#since = Date.now()
  }

  stillForMs(): number {
    return Date.now() - this.#since
  }
}

/** Among what is frozen something else may still be about to happen. */
const QUIET_MS = 3_000

/** Looks closely where it has to, else only when Redis looks idle. Whoever does not answer, as a bank that is down, has something left. */
const leftNow = async (
  traces: Traces,
  memory: Memory,
  { mayPark, isClose }: { readonly mayPark: boolean; readonly isClose: boolean },
  motion: Motion,
): Promise<{ readonly left: ReadonlyArray<string>; readonly isQuiet: boolean }> => {
  const mayFreeze = (memory.setBacks ?? []).length > 0
  try {
    const busy = await readUnfinished(traces.redisPrimaries, traces.redisPrefix)
    if (busy.length > 0 && !isClose) return { left: busy, isQuiet: false }
    const evidence = await gather(traces, memory)
    const left = unfinished(evidence, mayPark)
    motion.look([
      left,
      evidence.banks,
      [...evidence.redis.logs].map(([batch, { length }]) => [batch, length]),
    ])
    return { left, isQuiet: !mayFreeze || motion.stillForMs() > QUIET_MS }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { left: [`not everybody can be asked: ${reason}`], isQuiet: false }
  }
}
