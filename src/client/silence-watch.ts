/** Ends a connection on which nothing comes. The time in which the caller works on an event does not count. */
export class SilenceWatch {
  readonly #silenceMs: number
  readonly #abort: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(silenceMs: number, abort: () => void) {
    this.#silenceMs = silenceMs
    this.#abort = abort
  }

  async *over(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#start()
    for await (const chunk of chunks) {
      this.stop()
      yield chunk
      this.#start()
    }
  }

  #start(): void {
    this.stop()
    this.#timer = setTimeout(this.#abort, this.#silenceMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
