import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { openJournal } from "../../src/sandbox/journal.ts"

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sandbox-journal-"))
  file = join(folder, "deeper", "journal.jsonl")
})
afterEach(() => rmSync(folder, { recursive: true }))

const reopen = () => {
  const replayed: unknown[] = []
  return { journal: openJournal(file, (entry) => replayed.push(entry)), replayed }
}

const writeThree = () => {
  const { journal } = reopen()
  for (const entry of ["one", "zwei", "drei€"]) journal.append({ entry })
  journal.close()
}

it("replays what was appended, in order", () => {
  writeThree()
  const { journal, replayed } = reopen()
  journal.close()
  expect(replayed).toEqual([{ entry: "one" }, { entry: "zwei" }, { entry: "drei€" }])
})

it("cuts off a torn last line and goes on behind the whole ones", () => {
  writeThree()
  const whole = readFileSync(file, "utf8")
  appendFileSync(file, '{"entry":"to')
  const { journal, replayed } = reopen()
  journal.append({ entry: "next" })
  journal.close()
  expect(replayed).toHaveLength(3)
  expect(readFileSync(file, "utf8")).toBe(`${whole}{"entry":"next"}\n`)
})

it("refuses a file that is damaged in the middle, without quoting it", () => {
  writeThree()
  writeFileSync(file, `{"iban":"DE89\n${readFileSync(file, "utf8")}`)
  expect(reopen).toThrow(/damaged at byte 0$/)
})

it("takes nothing more once it is closed", () => {
  const { journal } = reopen()
  journal.close()
  expect(() => journal.append({ entry: "late" })).toThrow()
})

it("writes what is only noted with the next entry, before it closes, and at the end of the turn", async () => {
  const { journal } = reopen()
  const lines = () => readFileSync(file, "utf8")
  journal.note({ entry: "noted" })
  journal.note({ entry: "noted too" })
  expect(lines()).toBe("")
  journal.append({ entry: "first" }, { entry: "second" })
  const written = '{"entry":"noted"}\n{"entry":"noted too"}\n{"entry":"first"}\n{"entry":"second"}\n'
  expect(lines()).toBe(written)
  journal.note({ entry: "alone" })
  await new Promise((turn) => setImmediate(turn))
  expect(lines()).toBe(`${written}{"entry":"alone"}\n`)
  journal.note({ entry: "last" })
  journal.close()
  expect(reopen().replayed).toHaveLength(6)
  expect(() => journal.note({ entry: "late" })).toThrow()
})
