/** Where a follower stands in one partition, and when it reads there next. */
import { type Cursor, FEED_START } from "./cursor-store.ts"
import { isBefore } from "./feed-position.ts"

/** How often an idle feed is read, although nothing seems to have arrived: its history may have been lost. */
const READ_MS = 2_000
/** How often an idle follower reloads its cursor. */
const REREAD_MS = 6_000
/** How long a standby waits before it looks again. It takes over when the other follower is gone. */
const STANDBY_MS = 250
/** No wait is longer: neither one of these nor one after a failure. */
export const WAIT_MS_MAX = 10_000

/** Times are in milliseconds. */
export class FollowedPartition {
  readonly partition: number
  /** Unknown before it was loaded, and when it may have moved. */
  cursor: Cursor | undefined
  /** When the feed is read next. */
  dueAt = 0
  /** Steps that failed in a row. */
  failures = 0
  /** Whether it failed together with others. Then it is handled by itself, so that it does not hold them up. */
  isAlone = false
  isFrozen = false
  /** Whether what arrives makes it due. It does not while a failure or a standby is waited out. */
  canBeWoken = false
  /** Whether the store is still to show that it has the cursor. Until then a step without news is no success. */
  #isMoving = false
  #furthest = FEED_START
  #reloadAt = 0

  constructor(partition: number) {
    this.partition = partition
  }

  /** Takes a cursor from the store. Gives whether it was set back: what comes after it is handled again. */
  loaded(cursor: Cursor, now: number): boolean {
    const isSetBack = isBefore(cursor.position, this.#furthest)
    this.#furthest = cursor.position
    this.cursor = cursor
    this.#reloadAt = now + REREAD_MS
    return isSetBack
  }

  /** A clock that was set back does not lengthen a wait: what is further away than any wait is due now. */
  keepsTime(now: number): void {
    if (this.dueAt > now + WAIT_MS_MAX) this.dueAt = now
    if (this.#reloadAt > now + WAIT_MS_MAX) this.#reloadAt = now
  }

  /** What is before this cursor was handled. Whether the store has the cursor is not known yet. */
  handledTo(cursor: Cursor, now: number): void {
    this.cursor = cursor
    this.#isMoving = true
    this.#reloadAt = now + REREAD_MS
    this.dueAt = now
    this.canBeWoken = true
  }

  /** The store has this cursor. */
  moved(cursor: Cursor): void {
    this.#succeeded()
    this.#furthest = cursor.position
  }

  /** Whether it is time to reload its cursor. */
  isToReload(now: number): boolean {
    return now >= this.#reloadAt
  }

  /** `reloads`: its cursor is reloaded with the next step. */
  foundNothing(now: number, reloads: boolean): void {
    if (!this.#isMoving) this.#succeeded()
    if (reloads) this.cursor = undefined
    this.dueAt = now + (this.cursor === undefined ? 0 : READ_MS)
    this.canBeWoken = true
  }

  /** Another process has moved the cursor. */
  isElsewhere(now: number): void {
    this.#succeeded()
    this.cursor = undefined
    this.dueAt = now + STANDBY_MS
    this.canBeWoken = false
  }

  failed(retryAt: number, isAlone: boolean): void {
    this.#isMoving = false
    this.cursor = undefined
    this.dueAt = retryAt
    this.isAlone = isAlone
    this.canBeWoken = false
  }

  #succeeded(): void {
    this.#isMoving = false
    this.failures = 0
    this.isAlone = false
  }
}
