import { Effect, Latch } from "effect"
import type { BatchId } from "../domain/identifiers.ts"

/**
 * Messages from the calls under way to the loop of their actor. `put` never waits. The queue is bounded all the same: a call
 * puts one message for each of its items and one more, and an actor starts a bounded number of calls.
 */
export class MessageQueue<Message> {
  readonly batch: BatchId
  /** From when on its actor is to be woken although nothing came, in epoch milliseconds. */
  lookAt = 0
  /** Whether its actor waits for a message. */
  isAwaited = false
  #messages: Array<Message> = []
  readonly #arrived = Latch.makeUnsafe(false)

  constructor(batch: BatchId) {
    this.batch = batch
  }

  put(message: Message): void {
    if (this.#messages.push(message) === 1) this.wake()
  }

  takeAll(): ReadonlyArray<Message> {
    const messages = this.#messages
    this.#messages = []
    this.#arrived.closeUnsafe()
    return messages
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

  /** Ends a wait, also if there is no message. */
  wake(): void {
    this.#arrived.openUnsafe()
  }
}
