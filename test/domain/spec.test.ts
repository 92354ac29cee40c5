/** docs/SPEC.md, the transition table of the tests and the code say the same, cell by cell. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { itemStates } from "../../src/domain/batch.ts"
import { type CommandWithoutTime, STORY_BEGINS, Story, storyIn } from "./batch-story.ts"
import { effect, effectOf, type ItemCommand, itemCommands } from "./item-commands.ts"
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

const asked = { approvalAsked: true } as const
const approve = { _tag: "Approve", by: "olga", hash: "digest" } as const
const expire = { _tag: "ExpireApproval" } as const
const start = { _tag: "StartExecution" } as const
const close = { _tag: "CloseBatch" } as const
const awaiting = () => new Story().cleared(1, asked)
const late = (): Story => {
  const story = awaiting()
  story.now = (story.batch.approval?.expiresAt ?? 0) - 1
  return story
}
const told = (story: Story, command: CommandWithoutTime): Story => {
  story.tell(command)
  return story
}
const ended = () => new Story().asked(1).screened([1], "rejected")

/** Section 6 of the specification, row by row. */
const batchRows: ReadonlyArray<readonly [command: string, when: string, run: () => string]> = [
  ["Approve", "no approval is needed", () => effect(new Story().cleared(1), approve)],
  ["Approve", "by the submitter", () => effect(awaiting(), { ...approve, by: "Sam" })],
  ["Approve", "another hash", () => effect(awaiting(), { ...approve, hash: "other" })],
  ["Approve", "at or after the deadline", () => effect(late(), approve)],
  ["Approve", "in time, by another person", () => effect(awaiting(), approve)],
  ["Approve", "again", () => effect(told(awaiting(), approve), { ...approve, by: "otto" })],
  ["ExpireApproval", "before the deadline", () => effect(awaiting(), expire)],
  ["ExpireApproval", "at the deadline", () => effect(late(), expire)],
  ["StartExecution", "before approval", () => effect(awaiting(), start)],
  [
    "StartExecution",
    "before executeAt",
    () => effect(new Story().cleared(1, { executeAt: STORY_BEGINS * 2 }), start),
  ],
  ["StartExecution", "when section 4 holds", () => effect(new Story().cleared(1), start)],
  ["StartExecution", "again", () => effect(new Story().started(1), start)],
  ["CloseBatch", "items are open", () => effect(new Story().cleared(1), close)],
  ["CloseBatch", "every item is final", () => effect(ended(), close)],
  ["CloseBatch", "again", () => effect(told(ended(), close), close)],
]

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

  it("shows approval, start and closing as they are", () => {
    const section = spec.slice(spec.indexOf("## 6."), spec.indexOf("## 7."))
    const shown = section.split("\n").flatMap((line) => (/^\| [A-Z]/.test(line) ? [cellsOf(line)] : []))
    expect(shown.length).toBe(batchRows.length)
    for (const [index, [command, when, run]] of batchRows.entries()) {
      expect(shown[index]).toEqual([command, when, run()])
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
