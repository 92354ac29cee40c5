/** What verification finds: a place in a log, or a row about it, that contradicts something else. */

/** Where history is kept, and what each is called in findings. */
export type Store =
  | "redis log"
  | "archive"
  | "register"
  | "read models"
  | "closed batches"
  | "proof tree"
  | "feed"
  | "queues"
  | "logs"

/** Each kind of finding, and what it means. */
export const findingKinds = {
  "no-log": "a store knows the batch, and neither Redis nor the archive has its log",
  gap: "versions are not exactly 1, 2, 3, …",
  "broken-chain":
    "a hash does not follow from its predecessor and the text: the text or the hash was changed",
  unreadable: "the text is not an event that this release can read",
  illegal: "the event cannot follow from the ones before it",
  "wrong-sum": "the amounts of a currency do not add up to its total",
  "command-repeated": "two appends have the same command id",
  "paid-twice": "an item has two accepted transfers, and nothing says that one came back",
  "transfer-shared": "a bank's transfer was accepted for two payouts",
  "other-history": "a store has another hash for the version than the log",
  "ahead-of-log": "a store has a version that the log does not have",
  "behind-log": "a store does not have what it must have by now",
  "archive-gap": "the archive lacks events that it says it has",
  "archive-damaged": "the archive's events are not those that were archived",
  "not-registered": "a bank reported on an attempt that the register does not have",
  "not-in-log": "the register has an attempt that the log does not have",
  "other-bank": "the register has another bank for the attempt",
  "not-scheduled": "the batch has work left, and nothing will ever wake its worker",
  "wrong-row": "a row says of the batch what its log does not",
  "tree-damaged": "the proof tree's leaves, nodes and signed roots are not of one tree",
} as const satisfies Readonly<Record<string, string>>
export type FindingKind = keyof typeof findingKinds

/** One contradiction. `expected` and `found` are versions, hashes, states or references: never an account or a key. */
export interface Finding {
  readonly kind: FindingKind
  /** The batch, or nothing if it is about the proof tree as a whole. */
  readonly batch: string | undefined
  /** The entry of the log, `<version>-0` as its stream has it; nothing if it is about the batch as a whole. */
  readonly entry: string | undefined
  /** Where the difference may begin, if not at `entry`: up to the one before it, others vouch for the log. */
  readonly from?: string | undefined
  readonly item?: number | undefined
  readonly expected: string
  readonly found: string
  /** Who was looked at, and who is wrong as far as the others tell; nothing if they cannot. */
  readonly store: Store
  readonly wrong: Store | undefined
}

/** What makes two findings the same, however often a batch is looked at. Those of no batch differ in what they say. */
export const keyOf = ({ kind, batch, entry, item, store, expected, found }: Finding): string =>
  [kind, batch ?? `${expected} ${found}`, entry, item, store].join(" ")

/** `other-history pb_… entry 12-0: …`, for people. */
export const findingLine = (finding: Finding): string => {
  const { kind, batch, entry, from = entry, item, expected, found, store, wrong } = finding
  const where = [
    batch,
    entry === undefined ? undefined : from === entry ? `entry ${entry}` : `entries ${from} to ${entry}`,
    item === undefined ? undefined : `item ${item}`,
  ].filter((part) => part !== undefined)
  const who = wrong === undefined ? `${store}; who is wrong cannot be told` : `${store}; wrong: ${wrong}`
  return `${kind} ${where.join(" ")}: expected ${expected}, found ${found} (${who}: ${findingKinds[kind]})`
}

/** The entry of a version. */
export const entryOf = (version: number): string => `${version}-0`
