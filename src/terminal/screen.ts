/**
 * Where a command shows its progress. In a terminal the live block is redrawn in place; in a pipe each change is a
 * plain line of its own, at most two in a second.
 */

export interface Screen {
  /** Prints a line for good, above the live block. */
  readonly line: (text?: string) => void
  /** Shows what is happening now: `block` for a terminal, `plain` as a line in a pipe. */
  readonly live: (block: ReadonlyArray<string>, plain: string) => void
  /** Leaves the last live block standing, and prints the last plain line if it was held back. */
  readonly settle: () => void
}

const PLAIN_LINE_EVERY_MS = 500

/** A terminal when the stream is one, else a pipe. */
export const makeScreen = (out: NodeJS.WriteStream): Screen => (out.isTTY ? terminal(out) : pipe(out))

const terminal = (out: NodeJS.WriteStream): Screen => {
  let shown: ReadonlyArray<string> = []
  const erase = () => (shown.length === 0 ? "" : `\x1b[${shown.length}A\x1b[J`)
  const draw = (lines: ReadonlyArray<string>) =>
    lines.map((line) => `${line.slice(0, out.columns || 80)}\n`).join("")
  return {
    line: (text = "") => out.write(`${erase()}${text}\n${draw(shown)}`),
    live: (block) => {
      // A block that is higher than the terminal cannot be erased again.
      const fitting = block.slice(0, Math.max(1, (out.rows || 24) - 1))
      out.write(erase() + draw(fitting))
      shown = fitting
    },
    settle: () => {
      shown = []
    },
  }
}

const pipe = (out: NodeJS.WriteStream): Screen => {
  let last = ""
  let latest = ""
  let printedAt = 0
  const print = () => {
    if (latest !== last) out.write(`${latest}\n`)
    last = latest
    printedAt = Date.now()
  }
  return {
    line: (text = "") => out.write(`${text}\n`),
    live: (_block, plain) => {
      latest = plain
      if (Date.now() - printedAt >= PLAIN_LINE_EVERY_MS) print()
    },
    settle: print,
  }
}
