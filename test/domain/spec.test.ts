/** docs/SPEC.md, the transition table of the tests and the code say the same, cell by cell. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { PayeeMatch, PayeePolicy } from "../../src/domain/clearance-answers.ts"
import { itemStates } from "../../src/domain/item-state.ts"
import { storyIn } from "./batch-story.ts"
import { effectOf, type ItemCommand, itemCommands } from "./item-commands.ts"
import { disputeRows, doubtRows, refusalRows, routeRows, withdrawalRows } from "./spec-attempts.ts"
import { authorityRows, batchRows, retryRows } from "./spec-people.ts"
import { againRows, payeeCell, releaseRows } from "./spec-screening.ts"
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

const rowsBetween = (from: string, to: string) =>
  spec
    .slice(spec.indexOf(from), spec.indexOf(to))
    .split("\n")
    .flatMap((line) => (/^\| (?!command)/.test(line) ? [cellsOf(line)] : []))

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

  it.each([
    ["releases", "### What a release covers", "### Screening again", releaseRows],
    ["second clearances", "### Screening again", "### Whether the payee", againRows],
    ["retries", "### One retry", "### From bank to bank", retryRows],
    ["refused postings", "### When the ledger refuses", "### What the bank says", refusalRows],
    ["routes", "### From bank to bank", "### Two attempts", routeRows],
    ["two attempts", "### Two attempts", "### A refusal that may be a copy's", disputeRows],
    ["refusals", "### A refusal that may be a copy's", "### Taking back what lies with us", doubtRows],
    ["what is taken back", "### Taking back what lies with us", "### What it takes", withdrawalRows],
    ["who may", "### What it takes", "### What the tables cannot show", authorityRows],
    ["approval, start and closing", "## 6.", "## 7.", batchRows],
  ])("shows %s as they are", (_, from, to, rows) => {
    expect(rowsBetween(from, to)).toEqual(rows.map(([command, when, run]) => [command, when, run()]))
  })

  it("shows what becomes of payees as it is", () => {
    const shown = tables("policy")
    for (const policy of PayeePolicy.literals) {
      for (const payee of PayeeMatch.literals)
        expect(shown.get(`${policy} / ${payee}`), `${policy}: ${payee}`).toBe(payeeCell(policy, payee))
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
