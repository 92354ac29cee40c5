import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs"
import { dirname } from "node:path"

/** An append-only record of what a server did. Entries survive the process once `append` has returned. */
export interface Journal<Entry> {
  append(...entries: ReadonlyArray<Entry>): void
  /**
   * Adds an entry that is written with the next one, or at the end of this turn of the event loop: for what does no harm if a kill
   * forgets it, such as that a callback arrived, because it is then sent again.
   */
  note(entry: Entry): void
  close(): void
}

const newline = 0x0a

/**
 * Opens a journal of JSON lines and replays it, oldest first. Without a file it stores nothing. A last line without its newline
 * was never acknowledged, so it is cut off; any other damage is an error. Journals are limited to the 2 GiB that `readFileSync`
 * takes.
 */
export const openJournal = <Entry>(
  file: string | undefined,
  replay: (entry: Entry) => void,
): Journal<Entry> => {
  if (file === undefined) return { append() {}, note() {}, close() {} }
  mkdirSync(dirname(file), { recursive: true })
  const descriptor = openSync(file, "a+", 0o600)
  try {
    ftruncateSync(descriptor, replayLines(readFileSync(descriptor), replay, file))
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return new FileJournal(descriptor)
}

/** Replays whole lines and returns where they end, in bytes. */
const replayLines = <Entry>(bytes: Buffer, replay: (entry: Entry) => void, file: string): number => {
  let start = 0
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
    replay(parseLine(bytes.toString("utf8", start, end), file, start))
    start = end + 1
  }
  return start
}

/** The parser's own message would quote the line, and with it an account number. */
const parseLine = <Entry>(line: string, file: string, offset: number): Entry => {
  try {
    return JSON.parse(line)
  } catch {
    throw new Error(`${file} is damaged at byte ${offset}`)
  }
}

class FileJournal<Entry> implements Journal<Entry> {
  readonly #descriptor: number
  /** Lines that are still to be written. */
  #noted = ""
  #writing: NodeJS.Immediate | undefined
  #broken = false

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** One synchronous write. After a failed or short one the end of the file is unknown, so nothing more is accepted. */
  append(...entries: ReadonlyArray<Entry>): void {
    if (this.#broken) throw new Error("the journal failed earlier and takes no more entries")
    let lines = this.#noted
    for (const entry of entries) lines += `${JSON.stringify(entry)}\n`
    if (lines === "") return
    this.#noted = ""
    const bytes = Buffer.from(lines)
    this.#broken = true
    const written = writeSync(this.#descriptor, bytes)
    if (written !== bytes.length) throw new Error(`the journal took ${written} of ${bytes.length} bytes`)
    this.#broken = false
  }

  note(entry: Entry): void {
    if (this.#broken) throw new Error("the journal failed earlier and takes no more entries")
    this.#noted += `${JSON.stringify(entry)}\n`
    this.#writing ??= setImmediate(() => {
      this.#writing = undefined
      this.append()
    })
  }

  close(): void {
    clearImmediate(this.#writing)
    if (!this.#broken) this.append()
    this.#broken = true
    closeSync(this.#descriptor)
  }
}
