/** docs/SPEC.md, the transition table of the tests and the code say the same, cell by cell. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { itemStates } from "../../src/domain/batch.ts"
import { storyIn } from "./batch-story.ts"
import { effectOf, type ItemCommand, itemCommands } from "./item-commands.ts"
import { transitions } from "./transition-table.ts"

const commands = Object.keys(itemCommands) as ReadonlyArray<ItemCommand>
const spec = readFileSync(new URL("../../docs/SPEC.md", import.meta.url), "utf8")

/** The rows of the spec's tables whose header begins with `first`: cells by row and column. */
const tables = (first: string): ReadonlyMap<string, string> => {
  const cells = new Map<string, string>()
  let header: ReadonlyArray<string> = []
  for (const line of spec.split("\n")) {
    if (!line.startsWith("|")) header = []
    else if (header.length === 0) header = cellsOf(line)
    else if (header[0] === first && !line.startsWith("|---")) {
      const [row = "", ...others] = cellsOf(line)
      for (const [index, cell] of others.entries()) cells.set(`${row} / ${header[index + 1]}`, cell)
    }
  }
  return cells
}

const cellsOf = (line: string): ReadonlyArray<string> =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim())

describe.each(itemStates)("an item that is %s", (state) => {
  it.each(commands)("%s", (command) => {
    expect(effectOf(storyIn(state), command)).toBe(transitions[state][command])
  })
})

describe("the specification", () => {
  it("shows the table of transitions as it is", () => {
    const shown = tables("state")
    for (const state of itemStates) {
      for (const command of commands)
        expect(shown.get(`${state} / ${command}`), `${state}: ${command}`).toBe(transitions[state][command])
    }
  })

  it("names every state of an item", () => {
    for (const state of itemStates) expect(spec).toMatch(new RegExp(`^\\| ${state} \\| .* \\|`, "m"))
  })

  it("names only tests that exist", () => {
    for (const [, file] of spec.matchAll(/`([\w-]+\.test\.ts)`/g)) {
      expect(() => readFileSync(new URL(file ?? "", import.meta.url)), file).not.toThrow()
    }
  })
})
