/**
 * Shows the progress of a command. In a terminal, the live block is redrawn in place. In a pipe, each change is a plain
 * line, at most two per second.
 */
export interface Screen {
  /** Prints a line that stays, above the live block. */
  readonly line: (text?: string) => void
  /** Shows the current progress: `block` in a terminal, `plain` as a line in a pipe. */
  readonly live: (block: ReadonlyArray<string>, plain: string) => void
  /** Ends the live block and leaves it on the screen. In a pipe, prints the last plain line if it was delayed. */
  readonly settle: () => void
}

const PLAIN_LINE_EVERY_MS = 500

/** A screen for a stream: a terminal or a pipe. */
export const makeScreen = (out: NodeJS.WriteStream): Screen => (out.isTTY ? terminal(out) : pipe(out))

const terminal = (out: NodeJS.WriteStream): Screen => {
  let shown: ReadonlyArray<string> = []
  const erase = () => (shown.length === 0 ? "" : `\x1b[${shown.length}A\x1b[J`)
  const draw = (lines: ReadonlyArray<string>) =>
    lines.map((line) => `${line.slice(0, out.columns || 80)}\n`).join("")
  return {
    line: (text = "") => out.write(`${erase()}${text}\n${draw(shown)}`),
    live: (block) => {
      // A block that is higher than the terminal could not be erased.
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
