/** The stores forget, one after the other: each is set back by seconds in the middle of the run, and time passes to heal. */
import { setTimeout as sleep } from "node:timers/promises"
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { SetBack } from "../checker/set-backs.ts"
import type { Pace } from "./liars.ts"
import type { SettableStore } from "./settable-store.ts"

/** How long something worth forgetting is waited for. */
const WORTHY_WITHIN_MS = 6_000
const POLL_MS = 50

export interface Troubled {
  readonly stores: Readonly<Record<SetBack["store"], SettableStore>>
  /** Kills all processes of the service and starts them again. */
  readonly restart: () => Promise<void>
}

/** What a set-back needs of the run. */
interface Course {
  readonly pace: Pace
  /** How much of it is over, as a share. */
  readonly progress: () => number
  /** How much has happened that a store must not forget: cancellations in Redis, files in Postgres. */
  readonly worthy: (store: SetBack["store"]) => Promise<number>
  readonly onSetBack: (setBack: SetBack) => void
}

/** Sets one store back after a quarter of the run, and the other one after two thirds. */
export const troubleStores = async (
  { stores, restart }: Troubled,
  seed: number,
  { pace, progress, worthy, onSetBack }: Course,
): Promise<void> => {
  for (const [turn, name] of orderOf(seed).entries()) {
    while (progress() < (turn === 0 ? 0.25 : 0.65)) await sleep(POLL_MS)
    if (turn > 0) await sleep(pace.healingMs)
    const store = stores[name]
    await store.snapshot()
    const happened = await worthy(name)
    const giveUpAt = Date.now() + WORTHY_WITHIN_MS
    const { forgottenMsMin: min, forgottenMsMax: max } = pace
    await sleep(min + (max - min) * chanceOf(seed, "forgotten", name))
    while ((await worthy(name)) === happened && Date.now() < giveUpAt) await sleep(POLL_MS)
    onSetBack(await store.setBack())
    if (chanceOf(seed, "restarted", name) < 0.5) await restart()
  }
}

/** Which store forgets first. */
export const orderOf = (seed: number): ReadonlyArray<SetBack["store"]> =>
  chanceOf(seed, "redis-first") < 0.5 ? ["redis", "postgres"] : ["postgres", "redis"]
