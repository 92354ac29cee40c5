import { PassThrough } from "node:stream"
import { describe, expect, it } from "vitest"
import { makeScreen } from "../../src/terminal/screen.ts"

const outputTo = (terminal: {
  readonly isTTY: boolean
  readonly columns?: number
  readonly rows?: number
}) => {
  const stream = Object.assign(new PassThrough({ encoding: "utf8" }), terminal)
  return { screen: makeScreen(stream as unknown as NodeJS.WriteStream), text: () => stream.read() ?? "" }
}

describe("in a pipe", () => {
  it("each change is a line, and the last one is never lost", () => {
    const { screen, text } = outputTo({ isTTY: false })
    screen.live(["block"], "settled 1")
    screen.live(["block"], "settled 1")
    screen.live(["block"], "settled 2")
    screen.live(["block"], "settled 3")
    screen.settle()
    screen.line("done")
    expect(text()).toBe("settled 1\nsettled 3\ndone\n")
  })
})

describe("in a terminal", () => {
  it("the live block is redrawn in place, below the lines that stay", () => {
    const { screen, text } = outputTo({ isTTY: true, columns: 80, rows: 24 })
    screen.live(["one", "two"], "")
    screen.line("stays")
    screen.live(["three"], "")
    screen.settle()
    screen.line("end")
    expect(text()).toBe("one\ntwo\n\x1b[2A\x1b[Jstays\none\ntwo\n\x1b[2A\x1b[Jthree\nend\n")
  })

  it("is never wider or higher than the terminal", () => {
    const { screen, text } = outputTo({ isTTY: true, columns: 4, rows: 3 })
    screen.live(["longer", "b", "c", "d"], "")
    expect(text()).toBe("long\nb\n")
  })
})
