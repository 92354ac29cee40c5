/**
 * Checks one log as it stands in a store, entry by entry: gapless, chained, readable, legal, its sums conserved, its command ids
 * unique; and that other stores have the same hashes. After the first entry that is no part of a sound log nothing is folded
 * any more, but the rest is still compared: each further break is named as well.
 */
import { Result } from "effect"
import { type Attempt, attemptsOf, type Batch, emptyBatch } from "../domain/batch.ts"
import { decodeEvent } from "../domain/event-codec.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { chainStart, linkOf } from "../streams/hash-chain.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"
import { type Claim, ClaimCheck } from "./claims.ts"
import { entryOf, type Finding, type FindingKind, type Store } from "./finding.ts"
import { type BatchLeaf, LeafCheck } from "./leaf-check.ts"
import { illegality } from "./legal-step.ts"
import { SumCheck } from "./sum-check.ts"

/** Findings that are kept of one log. One is enough to look at it; a log of noise must not fill memory. */
const FINDINGS_MAX = 32

export class LogCheck {
  readonly id: BatchId
  readonly batch: Batch = emptyBatch()
  /** The last version that was seen, and its hash as the log has it. */
  version = 0
  head: string
  /** The id of the last entry: a page after it begins behind it. */
  lastEntry = "0-0"
  events = 0
  /** Whether all entries so far were folded. */
  isSound = true
  readonly #source: Store
  readonly #claims: ClaimCheck
  readonly #leaves: LeafCheck
  readonly #sums = new SumCheck()
  readonly #commands = new Set<string>()
  readonly #findings: Array<Finding> = []

  constructor(id: BatchId, source: Store, claims: Iterable<Claim>, leaves: ReadonlyArray<BatchLeaf> = []) {
    this.id = id
    this.#leaves = new LeafCheck(id, leaves)
    this.head = chainStart(id)
    this.#source = source
    this.#claims = new ClaimCheck(id, claims)
  }

  /** Takes the next entry of the log. */
  see([entry, fields]: StreamEntry): void {
    const [, text = "", , hash = "", , command] = fields
    this.events += 1
    this.lastEntry = entry
    const next = entryOf(this.version + 1)
    if (entry !== next) {
      this.#damaged("gap", next, next, entry)
      // It goes on from what the entry calls itself, so that what follows is named by its own place.
      this.version = versionOf(entry) ?? this.version + 1
    } else this.version += 1
    const link = linkOf(this.head, text)
    if (link !== hash) this.#damaged("broken-chain", entry, link, hash)
    this.head = hash
    if (!hasOurFields(fields)) this.#damaged("unreadable", entry, "fields e, h and at most c", "others")
    this.#fold(entry, text)
    if (this.isSound) this.#leaves.see(text)
    if (command !== undefined) this.#name(entry, command)
    this.#claims.see(this.version, hash)
  }

  /** All that is wrong with the log, once it was read to its end. */
  findings(): ReadonlyArray<Finding> {
    const differences = [...this.#leaves.findings, ...this.#claims.findings(this.#source, this.version)]
    if (!this.isSound) return [...this.#findings, ...differences]
    const sum = this.#sums.ofItems(this.batch)
    return [
      ...this.#findings,
      ...(sum === undefined ? [] : [this.#finding("wrong-sum", entryOf(this.version), sum)]),
      ...this.#unfinished(),
      ...this.#paidTwice(),
      ...differences,
    ]
  }

  #fold(entry: string, text: string): void {
    if (!this.isSound) return
    const decoded = decodeEvent(text)
    if (Result.isFailure(decoded)) {
      // The reason names a field and never its value.
      this.#damaged("unreadable", entry, "an event", decoded.failure)
      return
    }
    const event = decoded.success
    const reason = illegality(this.id, this.batch, event) ?? this.#evolved(event)
    if (reason !== undefined) {
      this.#damaged("illegal", entry, "a legal event", `${event._tag}: ${reason}`)
      return
    }
    const sum = this.#sums.after(this.batch, event)
    if (sum !== undefined) this.#damaged("wrong-sum", entry, sum.expected, sum.found)
  }

  #evolved(event: Parameters<typeof evolve>[1]): string | undefined {
    try {
      evolve(this.batch, event)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : "it cannot be folded"
    }
  }

  /** Each append of a log has an id of its own. */
  #name(entry: string, command: string): void {
    if (this.#commands.has(command))
      this.#keep(this.#finding("command-repeated", entry, { expected: "an id of its own", found: command }))
    this.#commands.add(command)
  }

  /** A log is opened with all items of its batch in one step. */
  #unfinished(): ReadonlyArray<Finding> {
    const { items, itemCount } = this.batch
    if (this.version === 0 || items.size === itemCount) return []
    const [expected, found] = [`${itemCount} items`, `${items.size}`]
    return [this.#finding("illegal", entryOf(this.version), { expected, found })]
  }

  #paidTwice(): ReadonlyArray<Finding> {
    return [...this.batch.items.values()].flatMap((item) => {
      const paid = attemptsOf(item).filter(isPaid)
      if (paid.length < 2) return []
      const found = paid.map(({ attempt }) => attempt).join(" and ")
      const texts = { expected: "one accepted transfer", found: `attempts ${found}` }
      return [{ ...this.#finding("paid-twice", entryOf(item.since), texts), item: item.item }]
    })
  }

  #damaged(kind: FindingKind, entry: string, expected: string, found: string): void {
    this.isSound = false
    this.#keep(this.#finding(kind, entry, { expected, found }))
  }

  #finding(
    kind: FindingKind,
    entry: string,
    { expected, found }: { readonly expected: string; readonly found: string },
  ): Finding {
    return { kind, batch: this.id, entry, expected, found, store: this.#source, wrong: this.#source }
  }

  #keep(finding: Finding): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding)
  }
}

/** Whether an attempt paid: by its outcome, or while it is in dispute by the bank's last word. */
const isPaid = ({ outcome, dispute, reports }: Attempt): boolean =>
  (dispute === undefined ? outcome : reports.at(-1)) === "settled"

/** An event, its hash, and with the first one of an append the id of that. */
const hasOurFields = (fields: ReadonlyArray<string>): boolean =>
  fields[0] === "e" &&
  fields[2] === "h" &&
  (fields.length === 4 || (fields.length === 6 && fields[4] === "c"))

const versionOf = (entry: string): number | undefined => {
  const version = Number(entry.split("-")[0])
  return Number.isSafeInteger(version) ? version : undefined
}
