import { Effect, Latch } from "effect"
import type { BatchId } from "../domain/identifiers.ts"

/** How long an actor only waits for calls at most, before it looks whether anything else is due. */
export const LOOK_MS_MAX = 1_000

/**
 * Messages from the calls under way to the loop of their actor. `put` never waits. The queue is bounded all the same: a call
 * puts one message for each of its items and one more, and an actor starts a bounded number of calls.
 */
export class MessageQueue<Message> {
  readonly batch: BatchId
  /** From when on its actor is to be woken although nothing came, in epoch milliseconds: at most {@link LOOK_MS_MAX} ahead. */
  lookAt = 0
  /** Whether its actor waits for a message. */
  isAwaited = false
  #messages: Array<Message> = []
  readonly #arrived = Latch.makeUnsafe(false)
  /** Whether what has come is enough for the actor that gathers; absent while it does not. */
  #isEnough: (() => boolean) | undefined
  readonly #enough = Latch.makeUnsafe(false)

  constructor(batch: BatchId) {
    this.batch = batch
  }

  put(message: Message): void {
    if (this.#messages.push(message) === 1) this.wake()
  }

  /** The same for the last message of a call, with which an actor may have gathered enough. */
  putLast(message: Message): void {
    this.put(message)
    if (this.#isEnough?.() === true) this.#enough.openUnsafe()
  }

  takeAll(): ReadonlyArray<Message> {
    const messages = this.#messages
    this.#messages = []
    this.#isEnough = undefined
    this.#arrived.closeUnsafe()
    return messages
  }

  /** How many messages wait for which this is true. */
  countOf(isCounted: (message: Message) => boolean): number {
    return this.#messages.reduce((count, message) => (isCounted(message) ? count + 1 : count), 0)
  }

  /** Waits for a message or for {@link wake}. Returns whether there is a message. */
  readonly arrives: Effect.Effect<boolean> = Effect.suspend(() => {
    this.isAwaited = true
    return Effect.map(this.#arrived.await, () => {
      this.isAwaited = false
      this.#arrived.closeUnsafe()
      return this.#messages.length > 0
    })
  })

  /** Lets messages come together for `ms` milliseconds, or until a call ends and `isEnough` is true. */
  gather(ms: number, isEnough: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isEnough = isEnough
      this.#enough.closeUnsafe()
      return Effect.asVoid(Effect.raceFirst(this.#enough.await, Effect.sleep(ms)))
    })
  }

  /** Whether its actor has to look at `now` (epoch milliseconds). A clock that was set back lengthens no wait. */
  isDue(now: number): boolean {
    return this.lookAt <= now || this.lookAt > now + LOOK_MS_MAX
  }

  /** Ends a wait, also if there is no message. */
  wake(): void {
    this.#arrived.openUnsafe()
  }
}

/** The queues of all running actors of a worker. */
export class MessageQueues<Message> {
  readonly #queues = new Set<MessageQueue<Message>>()
  readonly #some = Latch.makeUnsafe(false)

  add(queue: MessageQueue<Message>): void {
    this.#queues.add(queue)
    this.#some.openUnsafe()
  }

  delete(queue: MessageQueue<Message>): void {
    this.#queues.delete(queue)
    if (this.#queues.size === 0) this.#some.closeUnsafe()
  }

  /** Waits until an actor runs. */
  readonly some: Effect.Effect<void> = Effect.asVoid(this.#some.await)

  /** Wakes the actors that have to look at `now` (epoch milliseconds). */
  wakeDue(now: number): void {
    for (const queue of this.#queues) if (queue.isAwaited && queue.isDue(now)) queue.wake()
  }

  /** The others that wait at `now`, by their batch. */
  waiting(now: number): ReadonlyMap<BatchId, MessageQueue<Message>> {
    const waiting = new Map<BatchId, MessageQueue<Message>>()
    for (const queue of this.#queues)
      if (queue.isAwaited && !queue.isDue(now)) waiting.set(queue.batch, queue)
    return waiting
  }
}
