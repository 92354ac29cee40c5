/** One log, entry by entry, without any store. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { chainStart, linkOf } from "../../src/streams/hash-chain.ts"
import type { StreamEntry } from "../../src/streams/stream-entry.ts"
import { AcceptedTransfers } from "../../src/verification/accepted-transfers.ts"
import type { Claim } from "../../src/verification/claims.ts"
import { LogCheck } from "../../src/verification/log-check.ts"
import { settled } from "../domain/batch-story.ts"
import { Chance } from "../fuzz/chance.ts"
import { newBatchId } from "../projections/batch-life.ts"
import { liveAs } from "../tamper/lives.ts"

const id = newBatchId()
const lifeOf = (kind: Parameters<typeof liveAs>[1], of: BatchId = id, count = 4) =>
  liveAs(of, kind, count, new Chance(1, of, kind))

const entriesOf = (life: ReturnType<typeof lifeOf>, texts = life.story.events.map(encodeEvent)) => {
  let head = chainStart(life.id)
  return texts.map((text, index): StreamEntry => {
    head = linkOf(head, text)
    return [`${index + 1}-0`, ["e", text, "h", head, "c", `append-${index}`]]
  })
}

const check = (entries: ReadonlyArray<StreamEntry>, claims: ReadonlyArray<Claim> = []) => {
  const log = new LogCheck(id, "redis log", claims)
  for (const entry of entries) log.see(entry)
  return { log, kinds: log.findings().map(({ kind, entry }) => `${kind} ${entry}`) }
}

describe("one log", () => {
  const sound = entriesOf(lifeOf("settled"))

  it("is sound", () => {
    expect(check(sound).kinds).toEqual([])
  })

  it("names each break, and only the breaks", () => {
    const broken = sound.with(4, ["5-0", ["e", "{}", "h", sound[4]?.[1][3] ?? ""]])
    expect(check(broken).kinds).toEqual(["broken-chain 5-0"])
    expect(check(sound.toSpliced(6, 1)).kinds).toContain("gap 7-0")
  })

  it("has no command twice", () => {
    const [entry, fields] = sound[7] ?? ["", []]
    expect(check(sound.with(7, [entry, [...fields.slice(0, 5), "append-2"]])).kinds).toEqual([
      "command-repeated 8-0",
    ])
  })

  it("may not end before it has all items", () => {
    expect(check(sound.slice(0, 1)).kinds).toEqual(["illegal 1-0"])
  })

  it("is compared with whoever knows a hash of it", () => {
    const head = sound[9]?.[1][3] ?? ""
    const claims: ReadonlyArray<Claim> = [
      { store: "read models", version: 10, head },
      { store: "register", version: 8, head: "another" },
      { store: "proof tree", version: 999, head: "later" },
    ]
    const { log } = check(sound, claims)
    expect(log.findings()).toMatchObject([
      // The read models agree later on, so it is the register that is wrong.
      { kind: "other-history", entry: "8-0", from: "1-0", store: "register", wrong: "register" },
      { kind: "ahead-of-log", entry: "999-0", from: `${sound.length + 1}-0`, store: "proof tree" },
    ])
  })

  it("pays no item twice, unless something says that one came back", () => {
    const life = lifeOf("unfinished")
    const { story } = life
    story.hears(1, { _tag: "Failed", evidence: "callback", code: "AC04" })
    story.posted("release")
    story.tell({ _tag: "Retry", item: 1, by: "olga" })
    story.posted("hold")
    const reference = `${id.slice(3).toUpperCase()}-1-2`
    story.tell({
      _tag: "RequestTransfers",
      transfers: [{ item: 1, attempt: 2, bank: "north", reference }],
    })
    story.hears(1, settled, 2)
    expect(check(entriesOf(life)).kinds).toEqual([])
    // The bank paid the first attempt after all.
    story.hears(1, settled, 1)
    expect(check(entriesOf(life)).kinds).toEqual([`paid-twice ${story.events.length}-0`])
    story.tell({
      _tag: "Resolve",
      item: 1,
      attempt: 1,
      outcome: "failed",
      by: "olga",
      reason: "it came back",
    })
    expect(check(entriesOf(life)).kinds).toEqual([])
  })
})

describe("logs that an earlier release wrote", () => {
  const recorded = readFileSync(
    new URL("../database/fixtures/release-937959c/redis.jsonl", import.meta.url),
    "utf8",
  )
    .split("\n")
    .filter((line) => line.includes(":log:pb_"))
    .map((line): { readonly key: string; readonly entries: ReadonlyArray<StreamEntry> } => JSON.parse(line))

  it("are sound", () => {
    const found = recorded.flatMap(({ key, entries }) => {
      const log = new LogCheck(key.slice(key.lastIndexOf(":") + 1) as BatchId, "redis log", [])
      for (const entry of entries) log.see(entry)
      return log.findings()
    })
    expect(found).toEqual([])
    expect(recorded.length).toBeGreaterThan(10)
  })
})

describe("transfers of all history", () => {
  const batchOf = (of: BatchId, transferId: string) => {
    const { batch } = lifeOf("settled", of, 1).story
    const attempt = batch.items.get(1)?.attempt
    if (attempt !== undefined) attempt.transferId = transferId
    return batch
  }
  const [one, other] = [newBatchId(), newBatchId()]

  it("belong to one payout each", () => {
    using accepted = new AcceptedTransfers()
    accepted.add(one, batchOf(one, "N1"))
    accepted.add(other, batchOf(other, "N2"))
    accepted.add(other, batchOf(other, "N2"))
    expect([...accepted.shared()]).toEqual([])
    accepted.add(other, batchOf(other, "N1"))
    expect([...accepted.shared()]).toMatchObject([
      { kind: "transfer-shared", batch: other, item: 1, found: expect.stringContaining(one) },
    ])
  })

  it("are found in the files, too, where they do not fit into memory", () => {
    using accepted = new AcceptedTransfers()
    const batch = batchOf(one, "N1")
    for (let times = 0; times < 9_000; times += 1) accepted.add(one, batch)
    expect([...accepted.shared()]).toEqual([])
    accepted.add(other, batchOf(other, "N1"))
    expect([...accepted.shared()]).toHaveLength(1)
  })
})
