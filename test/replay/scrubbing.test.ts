import { Effect, type SchemaAST } from "effect"
import { describe, expect, it } from "vitest"
import { emptyBatch } from "../../src/domain/batch.ts"
import { decodeEvent, encodeEvent } from "../../src/domain/event-codec.ts"
import { BatchEvent } from "../../src/domain/events.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { shownBatch, shownItem } from "../../src/domain/shown.ts"
import { exportLog } from "../../src/replay/exporting.ts"
import { pseudonyms } from "../../src/replay/pseudonyms.ts"
import { decidedPaths, type Treatment, treatmentOf } from "../../src/replay/scrubbed-fields.ts"
import { ExportReader } from "../../src/replay/scrubbed-log.ts"
import { type Scrubbing, scrubbed, UnknownField } from "../../src/replay/scrubbing.ts"
import { lengthOf } from "../length.ts"
import { fc } from "../property.ts"
import { anyLog, largeLog, logsInMemory, rareLog } from "./generated-logs.ts"

/** A field of the schemas: the kind of event, its path, and whether its values are of a closed list. */
interface Leaf {
  readonly tag: string
  readonly path: string
  readonly kind: "closed" | "String" | "Number" | "BigInt" | "Boolean"
}

const leavesIn = (ast: SchemaAST.AST, tag: string, path: string): ReadonlyArray<Leaf> => {
  switch (ast._tag) {
    case "Objects":
      return [
        ...ast.propertySignatures.flatMap(({ name, type }) =>
          leavesIn(type, tag, path === "" ? String(name) : `${path}.${String(name)}`),
        ),
        ...ast.indexSignatures.flatMap(({ parameter, type }) => [
          ...leavesIn(parameter, tag, `${path}.#`),
          ...leavesIn(type, tag, `${path}.*`),
        ]),
      ]
    case "Arrays":
      return [...ast.elements, ...ast.rest].flatMap((one) => leavesIn(one, tag, `${path}[]`))
    case "Union":
      return ast.types.every(({ _tag }) => _tag === "Literal")
        ? [{ tag, path, kind: "closed" }]
        : ast.types.flatMap((one) => leavesIn(one, tag, path))
    case "Literal":
      return [{ tag, path, kind: "closed" }]
    case "String":
    case "Number":
    case "BigInt":
    case "Boolean":
      return [{ tag, path, kind: ast._tag }]
    default:
      throw new Error(`${tag}.${path} is a ${ast._tag}: the walk does not know that`)
  }
}

const leaves: ReadonlyArray<Leaf> = BatchEvent.members.flatMap(({ ast, fields }) =>
  leavesIn(ast, fields._tag.schema.literal, ""),
)

/** Texts that stay: what banks, schemes, currencies and countries are called, and days. */
const keptTexts = new Set([
  "items[].currency",
  "currency",
  "items[].beneficiary.account.country",
  "items[].beneficiary.addressCountry",
  "arrivals[].on",
  "transfers[].bank",
  "transfers[].route.others[]",
  "terms.approvalAbove.#",
  "terms.itemMax.#",
  "terms.batchMax.#",
  "terms.dayMax.#",
])

const from = BatchId.make("pb_bbbbbbbbbbbbbbbbbbbbbb")
const names = pseudonyms(new Uint8Array(32))
const by: Scrubbing = { names, from, to: names.batch(from), amounts: true }

describe("the fields of events", () => {
  it.each([...new Map(leaves.map((leaf) => [`${leaf.tag}.${leaf.path}`, leaf])).values()])(
    "has decided about $path of $tag",
    ({ tag, path, kind }) => {
      const treatment = treatmentOf(tag, path)
      expect(treatment, "decide in scrubbed-fields.ts whether it can tell who was paid").toBeDefined()
      if (treatment === "kept" && kind === "String") expect([...keptTexts]).toContain(path)
      if (kind === "closed") expect(treatment).toBe("kept")
    },
  )

  it("has decided about no field that is not there", () => {
    const there = new Set(leaves.flatMap(({ tag, path }) => [path, `${tag}.${path}`]))
    expect([...decidedPaths].filter((path) => !there.has(path))).toEqual([])
  })

  it("refuses an event with a field that nobody has decided about", () => {
    const event = { _tag: "BatchClosed", at: 1, state: "settled", motto: "x" } as const
    expect(() => scrubbed(event, by)).toThrow(UnknownField)
  })
})

/** An event of a kind with all of its fields, each text of which is a canary. */
const canaryEvent = (
  tag: string,
): { readonly event: Record<string, unknown>; readonly canaries: string[] } => {
  const canaries: string[] = []
  const valueFor = (ast: SchemaAST.AST, path: string): unknown => {
    switch (ast._tag) {
      case "Objects":
        return Object.fromEntries([
          ...ast.propertySignatures.map(({ name, type }) => [
            String(name),
            valueFor(type, path === "" ? String(name) : `${path}.${String(name)}`),
          ]),
          ...ast.indexSignatures.map(({ type }) => ["EUR", valueFor(type, `${path}.*`)]),
        ])
      case "Arrays":
        return [...ast.elements, ...ast.rest].map((one) => valueFor(one, `${path}[]`))
      case "Union":
        return valueFor(ast.types[0] as SchemaAST.AST, path)
      case "Literal":
        return ast.literal
      case "Number":
        return 1
      case "BigInt":
        return 77_123n
      case "Boolean":
        return true
      default: {
        const treatment: Treatment | undefined = treatmentOf(tag, path)
        if (treatment === "kept") return "kept"
        const canary = `canary-${canaries.length}-${path}`
        canaries.push(canary)
        return treatment === "credential" ? `partner:${canary}/${canary}` : canary
      }
    }
  }
  const member = BatchEvent.members.find(({ fields }) => fields._tag.schema.literal === tag)
  if (member === undefined) throw new Error(tag)
  return { event: valueFor(member.ast, "") as Record<string, unknown>, canaries }
}

describe("an export", () => {
  it.each(BatchEvent.members.map(({ fields }) => fields._tag.schema.literal))("has no text of %s", (tag) => {
    const { event, canaries } = canaryEvent(tag)
    const text = JSON.stringify(scrubbed(event as unknown as BatchEvent, by), (_key, value) =>
      typeof value === "bigint" ? `${value}n` : value,
    )
    for (const canary of canaries) expect(text).not.toContain(canary)
    expect(text).not.toContain("canary")
    expect(text).not.toContain("77123")
  })

  it("gives the same text the same name, under a key that is another each time", () => {
    expect(names.text("Ada")).toBe(names.text("Ada"))
    expect(names.text("Ada")).not.toBe(names.text("Bob"))
    expect(pseudonyms().text("Ada")).not.toBe(pseudonyms().text("Ada"))
    expect(names.minor(0n)).toBe(0n)
    expect(names.text("Ada")).toMatch(/^x[a-p]{20}$/)
  })

  it("folds into the same states, event by event, and is read back as it was written", async () => {
    const logs = logsInMemory([
      ...fc.sample(anyLog, lengthOf({ full: 400, short: 40 })),
      rareLog(),
      largeLog(30),
    ])
    for (const batch of logs.batches) {
      for (const amounts of [false, true]) {
        const lines: Array<string> = []
        await Effect.runPromise(exportLog(logs, batch, { amounts, names }, (line) => lines.push(line)))
        const reader = new ExportReader()
        const [first = "", ...others] = lines
        reader.read(first)
        const [mine, theirs] = [emptyBatch(), emptyBatch()]
        const entries = await Effect.runPromise(logs.entries(batch, 0, lines.length))
        for (const [index, line] of others.entries()) {
          const read = reader.read(line)
          const original = decodeEvent(entries[index]?.[1][1] ?? "")
          if (read === undefined || original._tag === "Failure") throw new Error("unreadable")
          expect(encodeEvent(read.event)).toBe(read.text)
          evolve(mine, original.success)
          evolve(theirs, read.event)
          expect(behaviourOf(theirs, amounts)).toEqual(behaviourOf(mine, amounts))
        }
        expect(reader.end().batch).toBe(names.batch(batch))
        for (const secret of ["acme", "Ada Lovelace", "invoice-1", "olga", "by mistake", batch])
          expect(lines.join("\n")).not.toContain(secret)
      }
    }
  })

  it("says that it cannot be written, and not that the log is damaged", async () => {
    const logs = logsInMemory([largeLog(3)])
    let lines = 0
    const full = () => {
      if (++lines > 4) throw new Error("no space left")
    }
    const [batch = from] = logs.batches
    const failure = await Effect.runPromise(Effect.flip(exportLog(logs, batch, { amounts: false }, full)))
    expect(failure).toMatchObject({ _tag: "NotWritten", reason: "no space left" })
    expect(lines).toBe(5)
  })

  it("names the line at which a file is not whole", async () => {
    const logs = logsInMemory([largeLog(5)])
    const [batch = from] = logs.batches
    const lines: Array<string> = []
    await Effect.runPromise(exportLog(logs, batch, { amounts: false }, (line) => lines.push(line)))
    const problemOf = (some: ReadonlyArray<string>): string => {
      const reader = new ExportReader()
      try {
        for (const line of some) reader.read(line)
        reader.end()
        return "none"
      } catch (error) {
        return String(error)
      }
    }
    const [one, two, three] = [lines[0] ?? "", lines[1] ?? "", lines[2] ?? ""]
    expect(problemOf(lines)).toBe("none")
    expect(problemOf([])).toContain("line 1: the file is empty")
    expect(problemOf(lines.slice(0, -1))).toContain(`line ${lines.length}: the file ends after event`)
    expect(problemOf([one, three, two, ...lines.slice(3)])).toContain("line 2: expected event 1, found 2")
    expect(problemOf(lines.toSpliced(4, 1))).toContain("line 5: expected event 4, found 5")
    expect(problemOf(["{}", ...lines.slice(1)])).toContain("line 1: this is no export")
    expect(problemOf([one.replace(/pb_[a-z2-7]+/, from), ...lines.slice(1)])).toContain("line 2: its hash")
    expect(problemOf([one, two.replace('"itemCount":5', '"itemCount":6'), three])).toContain(
      "line 2: its hash",
    )
    expect(problemOf([...lines.slice(0, 3), "{", ...lines.slice(3)])).toContain("line 4: expected an event")
  })
})

/** What a batch does next, whoever it is about. */
const behaviourOf = (batch: ReturnType<typeof emptyBatch>, amounts: boolean) => {
  const { state, totals, approval, version } = shownBatch(batch)
  return {
    state,
    version,
    approval: approval?.state,
    totals: amounts
      ? Object.values(totals).map((states) =>
          Object.entries(states).map(([one, tally]) => [one, tally?.count]),
        )
      : totals,
    items: [...batch.items.values()].map((item) => {
      const { state, ledger, bank, attempt } = shownItem(item)
      return { state, ledger, bank, attempt, task: item.task, attended: item.attended, since: item.since }
    }),
    tasks: Object.entries(batch.tasks).map(([task, items]) => [task, ...items]),
    retries: [...batch.retries],
    reroutes: [...batch.reroutes],
    refused: [...batch.refused],
  }
}
