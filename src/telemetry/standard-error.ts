/**
 * Writes log lines to standard error without ever waiting for whoever reads it. Node writes to a pipe synchronously: if its reader
 * stops, the process would stand still, lose its batches and pay nobody. Here lines wait in memory within a limit, and what does not
 * fit is dropped, counted and reported once there is room. A file or a terminal is written as Node does.
 */
import { fstatSync, writeSync } from "node:fs"
import { Socket } from "node:net"

/** Text that waits at most, in UTF-16 units. */
export const WAITING_MAX = 4 * 1_024 * 1_024
const FD = 2

/** What takes text: calls back when it is written, or could not be. */
export type Write = (text: string, done: (error?: Error | null) => void) => void

/** A queue of lines before a slow reader. */
export class LineQueue {
  readonly #write: Write
  readonly #dropped: (lines: number) => void
  #waiting: Array<string> = []
  #length = 0
  #isWriting = false
  #lost = 0

  /** `dropped` is told of each line that did not fit. */
  constructor(write: Write, dropped: (lines: number) => void = () => {}) {
    this.#write = write
    this.#dropped = dropped
  }

  /** Takes a line without its break. */
  add(line: string): void {
    if (this.#length + line.length > WAITING_MAX) {
      this.#lost += 1
      this.#dropped(1)
      return
    }
    if (this.#lost > 0 && this.#length < WAITING_MAX / 2) this.#confess()
    this.#push(`${line}\n`)
    this.#next()
  }

  /** All that waits, which then does not wait any more. */
  rest(): string {
    const rest = this.#waiting.join("")
    this.#waiting = []
    this.#length = 0
    return rest
  }

  #confess(): void {
    const lines = this.#lost
    this.#lost = 0
    const time = new Date().toISOString()
    this.#push(`${JSON.stringify({ time, level: "warn", message: "log lines dropped", lines })}\n`)
  }

  #push(text: string): void {
    this.#waiting.push(text)
    this.#length += text.length
  }

  #next(): void {
    if (this.#isWriting || this.#waiting.length === 0) return
    this.#isWriting = true
    this.#write(this.rest(), () => {
      this.#isWriting = false
      if (this.#lost > 0) this.#confess()
      this.#next()
    })
  }
}

let queue: LineQueue | undefined

/** Writes a line to standard error. `dropped` is told of lines that did not fit; the one of the first call counts. */
export const writeLine = (line: string, dropped?: (lines: number) => void): void => {
  if (queue === undefined && !isPiped()) {
    process.stderr.write(`${line}\n`)
    return
  }
  queue ??= openQueue(dropped)
  queue.add(line)
}

const isPiped = (): boolean => {
  const kind = fstatSync(FD)
  return kind.isFIFO() || kind.isSocket()
}

const openQueue = (dropped?: (lines: number) => void): LineQueue => {
  // Unlike process.stderr, a socket on the same pipe does not write synchronously.
  const pipe = new Socket({ fd: FD, readable: false, writable: true })
  // A reader that is gone is no reason to stop: there is nobody left to tell.
  pipe.on("error", () => {})
  pipe.unref()
  const opened = new LineQueue((text, done) => {
    pipe.write(text, done)
  }, dropped)
  process.once("exit", () => {
    try {
      writeSync(FD, opened.rest())
    } catch {
      // Nobody reads, and the process ends.
    }
  })
  return opened
}
