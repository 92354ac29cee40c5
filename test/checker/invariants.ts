/**
 * What must always hold, looked at from outside: Redis, Postgres and the banks' books as they are, and a partner's
 * record of what it was told. Each check gives its violations in words; none is good.
 */
import { createHash } from "node:crypto"
import type { BankRecord } from "./bank-transfers.ts"
import type { Screened } from "./compliance-decisions.ts"
import type { Cursor } from "./follower-cursors.ts"
import { type LogStory, type Place, tellStory } from "./log-story.ts"
import type { PostedBatch, PostedItem } from "./partner.ts"
import type { LogEntry, RedisSnapshot } from "./redis-snapshot.ts"

export interface Evidence {
  readonly redis: RedisSnapshot
  readonly banks: BankRecord
  readonly cursors: ReadonlyArray<Cursor>
  readonly screened: ReadonlyArray<Screened>
  readonly posted: ReadonlyArray<PostedBatch>
  /** What a reviewer released, as "<batch> <item>". */
  readonly released: ReadonlySet<string>
}

type Violations = ReadonlyArray<string>

/** All that must hold at any time, whatever is broken at the moment. */
export const violations = (evidence: Evidence): Violations => {
  const { redis, banks, cursors, posted } = evidence
  const stories = storiesOf(redis)
  return [
    ...paidTwice(evidence),
    ...phantoms(stories, banks, posted),
    ...unclearedTransfers(stories, evidence),
    ...stories.flatMap(({ faults }) => faults.map((fault) => `the sum is not conserved: ${fault}`)),
    ...notAsPosted(stories, posted),
    ...[...redis.logs].flatMap(([batch, entries]) => brokenChain(batch, entries)),
    ...aheadOfLog(redis, cursors),
  ]
}

/**
 * What is left to do, and so should be nothing once all is well: only then the log and the banks have to agree. Items
 * that wait for a person are left too, unless they may.
 */
export const unfinished = ({ redis, banks, cursors }: Evidence, mayPark = false): Violations => {
  const stories = storiesOf(redis)
  const waits = ({ parked }: LogStory) => mayPark && parked.size > 0
  return [
    ...redis.unfinished,
    ...stories
      .filter((story) => !story.isClosed && !waits(story))
      .map(({ batch }) => `${batch} is not closed`),
    ...stories.flatMap(openItems),
    ...(banks.outstanding > 0 ? [`the banks have ${banks.outstanding} things to do or to tell`] : []),
    ...cursors
      .filter(({ partition, position }) => position !== (redis.feedEnds.get(partition) ?? "0-0"))
      .map(({ follower, partition }) => `${follower} is behind in partition ${partition}`),
    ...disagreements(stories, banks),
  ]
}

/** How many items are in each state, and how many of them wait for a person whatever their state. */
export const statesOf = ({ redis }: Evidence): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { places, parked } of storiesOf(redis))
    for (const [item, place] of places) {
      const state: Place | "parked" = parked.has(item) ? "parked" : place
      counts[state] = (counts[state] ?? 0) + 1
    }
  return counts
}

const storiesOf = ({ logs }: RedisSnapshot): ReadonlyArray<LogStory> =>
  [...logs].map(([batch, entries]) => tellStory(batch, entries))

/** Invariant 1: no item is paid more than once, by whatever banks and under whatever references. */
export const paidTwice = ({ redis, banks }: Evidence): Violations => {
  const itemOf = itemsByReference(storiesOf(redis))
  const paid = new Map<string, Map<string, number>>()
  for (const { bank, reference, payments } of banks.transfers) {
    const target = itemOf.get(reference)
    const item = target === undefined ? reference : nameOf(target)
    paid.set(item, (paid.get(item) ?? new Map()).set(`${bank} ${reference}`, payments))
  }
  return [...paid].flatMap(([item, orders]) => {
    const times = [...orders.values()].reduce((sum, payments) => sum + payments, 0)
    return times > 1 ? [`${item} was paid more than once: ${times} times`] : []
  })
}

interface Target {
  readonly story: LogStory
  readonly item: number
}

const nameOf = ({ story, item }: Target): string => `${story.batch} item ${item}`

const itemsByReference = (stories: ReadonlyArray<LogStory>): ReadonlyMap<string, Target> =>
  new Map(
    stories.flatMap((story) =>
      [...story.transfers].map(([reference, item]) => [reference, { story, item }] as const),
    ),
  )

/** Invariant 2: each transfer is one that a log asked for, and says what the partner posted. */
const phantoms = (
  stories: ReadonlyArray<LogStory>,
  { transfers }: BankRecord,
  posted: ReadonlyArray<PostedBatch>,
): Violations => {
  const itemOf = itemsByReference(stories)
  const ordered = new Map(
    posted.flatMap(({ key, items }) => items.map((item) => [`${key} ${item.reference}`, item])),
  )
  return transfers.flatMap(({ reference, amount, beneficiary }) => {
    const target = itemOf.get(reference)
    if (target === undefined) return [`no log asked for the transfer ${reference}`]
    const { key, items } = target.story
    const item = ordered.get(`${key} ${items.get(target.item)?.reference}`)
    const made = [amount.currency, amount.value, beneficiary.name, beneficiary.accountLast4].join(" ")
    return item !== undefined && made === wordsOf(item)
      ? []
      : [`${nameOf(target)}: the transfer ${reference} is not what was posted`]
  })
}

const wordsOf = ({ amount, beneficiary: { name, account } }: PostedItem): string =>
  [amount.currency, amount.value, name, (account.iban ?? account.accountNumber)?.slice(-4)].join(" ")

/**
 * Invariant 18: nothing is at a bank that the compliance engine did not clear by its own books, or that a reviewer did
 * not release although the engine had doubts. Who does not own the account is doubtful, as `PAYEE_CHECK` has it.
 */
const unclearedTransfers = (
  stories: ReadonlyArray<LogStory>,
  { banks, screened, released }: Evidence,
): Violations => {
  const itemOf = itemsByReference(stories)
  const decisions = new Map<string, ReadonlyArray<string>>()
  for (const { batch, item, decision, payee } of screened) {
    const name = `${batch} ${item}`
    const said = decision === "approved" && payee === "no-match" ? payee : decision
    decisions.set(name, [...(decisions.get(name) ?? []), said])
  }
  return banks.transfers.flatMap(({ reference }) => {
    const target = itemOf.get(reference)
    if (target === undefined) return []
    const name = `${target.story.batch} ${target.item}`
    const said = decisions.get(name) ?? []
    const isCleared = said.length > 0 && said.every((word) => word === "approved")
    const isReleased = said.length > 0 && !said.includes("rejected") && released.has(name)
    return isCleared || isReleased
      ? []
      : [`${nameOf(target)} is at a bank, and the engine said: ${said.join(", ") || "nothing"}`]
  })
}

/** Invariant 14: each item has come to an end, or waits for a person's word on its transfer. */
const openItems = ({ batch, places, parked }: LogStory): Violations =>
  [...places].flatMap(([item, place]) =>
    place === "open" && !parked.has(item) ? [`${batch} item ${item} is neither at its end nor parked`] : [],
  )

/** Invariant 3: the money is where the log says, in each currency and for each item. Of what is open it says nothing. */
const disagreements = (stories: ReadonlyArray<LogStory>, { transfers }: BankRecord): Violations => {
  const atBank = new Map(transfers.map((transfer) => [transfer.reference, transfer]))
  return stories.flatMap(({ batch, items, places, transfers }) =>
    [...places].flatMap(([number, place]) => {
      if (place === "open") return []
      const references = [...transfers].flatMap(([reference, item]) => (item === number ? [reference] : []))
      const paid = references.flatMap((reference) => {
        const transfer = atBank.get(reference)
        return transfer !== undefined && transfer.payments > 0 ? [transfer] : []
      })
      const item = items.get(number)
      const said =
        place === "settled" || place === "returned" ? [`${place} ${item?.currency} ${item?.minor}`] : []
      const done = paid.map(({ status, amount }) => `${status} ${amount.currency} ${minorOf(amount.value)}`)
      return said.join() === done.join()
        ? []
        : [`${batch} item ${number} is ${place} in the log, and at the banks: ${done.join() || "nothing"}`]
    }),
  )
}

/** Of amounts with all decimals of their currency. */
const minorOf = (value: string): string => value.replace(".", "").replace(/^0+(?=\d)/, "")

/** Invariants 5 and 6: what was acknowledged is there, each batch wholly or not at all, under one id for ever. */
const notAsPosted = (stories: ReadonlyArray<LogStory>, posted: ReadonlyArray<PostedBatch>): Violations => {
  const known = new Set(posted.map(({ key }) => key))
  const strangers = stories.filter(({ key }) => !known.has(key)).map(({ batch }) => `nobody posted ${batch}`)
  const wrong = posted.flatMap(({ key, items, answers }) => {
    const logged = stories.filter((story) => story.key === key)
    const ids = new Set([...answers.flatMap(({ id }) => id ?? []), ...logged.map(({ batch }) => batch)])
    if (ids.size > 1) return [`${key} stands for ${[...ids].join(" and ")}`]
    const [story] = logged
    if (story === undefined)
      return answers.some(({ status }) => status === 202) ? [`${key} was acknowledged and is gone`] : []
    const asked = items.map(
      ({ reference, amount }) => `${reference} ${amount.currency} ${minorOf(amount.value)}`,
    )
    const taken = [...story.items.values()].map(
      ({ reference, currency, minor }) => `${reference} ${currency} ${minor}`,
    )
    return story.itemCount === items.length && taken.join() === asked.join()
      ? []
      : [`${key} was posted with ${items.length} items, and ${taken.length} of ${story.itemCount} are there`]
  })
  return [...strangers, ...wrong]
}

/** Invariants 7 and 8: ids are 1-0 … n-0, and each link follows from the one before it. */
const brokenChain = (batch: string, entries: ReadonlyArray<LogEntry>): Violations => {
  let previous = batch
  return entries.flatMap(({ id, text, hash }, at) => {
    const link = createHash("sha256").update(`${previous}\n${text}`).digest("base64url")
    previous = hash
    return [
      ...(id === `${at + 1}-0` ? [] : [`${batch} has ${id} in the place of ${at + 1}-0`]),
      ...(link === hash ? [] : [`${batch} ${id} does not follow from its predecessor`]),
    ]
  })
}

/** Invariant 9: no follower is beyond the end of its feed. */
const aheadOfLog = ({ feedEnds }: RedisSnapshot, cursors: ReadonlyArray<Cursor>): Violations =>
  cursors
    .filter(({ partition, position }) => isBeyond(position, feedEnds.get(partition) ?? "0-0"))
    .map(({ follower, partition, position }) => `${follower} is at ${position}, beyond feed ${partition}`)

/** Ids are `<milliseconds>-<sequence>`. */
const isBeyond = (position: string, end: string): boolean => {
  const [ms = 0, sequence = 0] = position.split("-").map(Number)
  const [endMs = 0, endSequence = 0] = end.split("-").map(Number)
  return ms > endMs || (ms === endMs && sequence > endSequence)
}
