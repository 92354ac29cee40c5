import { Effect, Latch } from "effect"

/**
 * What the calls under way tell the loop of an actor. Putting never waits: a call tells one message for each of its items
 * and one more, and an actor starts a bounded number of calls, so that bounds the inbox too.
 */
export class Inbox<Message> {
  #messages: Array<Message> = []
  readonly #arrived = Latch.makeUnsafe(false)

  put(message: Message): void {
    if (this.#messages.push(message) === 1) this.#arrived.openUnsafe()
  }

  takeAll(): ReadonlyArray<Message> {
    const messages = this.#messages
    this.#messages = []
    this.#arrived.closeUnsafe()
    return messages
  }

  /** Waits for a message at most so long; whether there is one. */
  arrives(withinMs: number): Effect.Effect<boolean> {
    return Effect.suspend(() =>
      this.#messages.length > 0
        ? Effect.succeed(true)
        : Effect.map(Effect.timeoutOption(this.#arrived.await, withinMs), () => this.#messages.length > 0),
    )
  }
}
