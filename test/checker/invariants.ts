/**
 * What must always hold, looked at from outside: Redis, Postgres and the banks' books as they are, and a partner's
 * record of what it was told. Each check gives its violations in words; none is good.
 */
import { createHash } from "node:crypto"
import type { BankRecord, BankTransfer } from "./bank-transfers.ts"
import type { Screened } from "./compliance-decisions.ts"
import type { Cursor } from "./follower-cursors.ts"
import { causelessContradictions, foreignWordsBelieved } from "./foreign-words.ts"
import type { Lie } from "./lies.ts"
import { type LogStory, tellStory } from "./log-story.ts"
import type { Place } from "./logged-event.ts"
import { saidOf, sentDespite, shown, unsaid } from "./objections.ts"
import type { PostedBatch, PostedItem } from "./partner.ts"
import type { PersonsWord } from "./persons-word.ts"
import type { LogEntry, RedisSnapshot } from "./redis-snapshot.ts"
import {
  type Frozen,
  frozenIn,
  mayBeForgotten,
  mayBeUnexplained,
  mayBeUnheard,
  type SetBack,
} from "./set-backs.ts"

export interface Evidence {
  readonly redis: RedisSnapshot
  readonly banks: BankRecord
  readonly cursors: ReadonlyArray<Cursor>
  readonly screened: ReadonlyArray<Screened>
  readonly posted: ReadonlyArray<PostedBatch>
  /** What reviewers and partners said of items. */
  readonly said: ReadonlyArray<PersonsWord>
  /** What the sandbox's servers said against their own books. */
  readonly lies: ReadonlyArray<Lie>
  readonly setBacks: ReadonlyArray<SetBack>
  /** The errors in the service's own logs since a store was set back. */
  readonly alarms: ReadonlyArray<string>
}

type Violations = ReadonlyArray<string>

/** All that must hold at any time, whatever is broken at the moment. */
export const violations = (evidence: Evidence): Violations => {
  const { redis, banks, lies } = evidence
  const stories = storiesOf(redis)
  return [
    ...paidTwice(evidence),
    ...phantoms(stories, evidence),
    ...sentAfterNo(evidence),
    ...foreignWordsBelieved(stories, banks.transfers, lies),
    ...causelessContradictions(stories, banks.transfers, lies),
    ...stories.flatMap(({ faults }) => faults.map((fault) => `the sum is not conserved: ${fault}`)),
    ...notAsPosted(stories, evidence),
    ...[...redis.logs].flatMap(([batch, entries]) => brokenChain(batch, entries)),
    ...aheadOfLog(evidence),
  ]
}

/**
 * What is left to do, and so should be nothing once all is well: only then the log and the banks have to agree. Items
 * that wait for a person are left too, unless they may; and what is frozen with an alarm, after a store was set back.
 */
export const unfinished = (evidence: Evidence, mayPark = false): Violations => {
  const { redis, banks, cursors, setBacks } = evidence
  const stories = storiesOf(redis)
  const frozen = frozenOf(evidence)
  const waits = ({ batch, parked }: LogStory) => (mayPark && parked.size > 0) || frozen.batches.has(batch)
  return [
    ...redis.unfinished.filter((left) => !isOfFrozen(left, frozen)),
    ...stories
      .filter((story) => !story.isClosed && !waits(story))
      .map(({ batch }) => `${batch} is not closed`),
    ...stories.filter(({ batch }) => !frozen.batches.has(batch)).flatMap(openItems),
    // A log that stands still with an alarm takes in nothing: what was said waits in the register until a person looks.
    ...stories
      .filter(({ batch }) => !frozen.batches.has(batch))
      .flatMap((story) =>
        unsaid(story, sentOf(story, banks), saidOf(evidence.screened, evidence.said), setBacks),
      ),
    ...(banks.outstanding > 0 ? [`the banks have ${banks.outstanding} things to do or to tell`] : []),
    ...cursors
      .filter(
        ({ partition, position }) =>
          position !== (redis.feedEnds.get(partition) ?? "0-0") && !frozen.partitions.has(partition),
      )
      .map(({ follower, partition }) => `${follower} is behind in partition ${partition}`),
    ...disagreements(stories, banks, setBacks).map(({ said }) => said),
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

/** How many batches stand still with an alarm, and how many were forgotten with their first event. */
export const standingStill = (
  evidence: Evidence,
): { readonly frozen: number; readonly forgotten: number } => {
  const { batches } = frozenOf(evidence)
  const stories = storiesOf(evidence.redis)
  const keys = new Set(stories.map(({ key }) => key))
  const forgotten = evidence.posted.filter(
    ({ key, answers }) => answers.some(({ id }) => id) && !keys.has(key),
  )
  const frozen = stories.filter(({ batch, isClosed }) => !isClosed && batches.has(batch))
  return { frozen: frozen.length, forgotten: forgotten.length }
}

const frozenOf = ({ redis, setBacks, alarms }: Evidence): Frozen => frozenIn(redis, setBacks, alarms)

/** "<prefix>:{<partition>}:<kind> holds <count>". */
const isOfFrozen = (left: string, { partitions }: Frozen): boolean =>
  partitions.has(Number(/\{(\d+)\}/.exec(left)?.[1]))

const sentOf = ({ transfers }: LogStory, banks: BankRecord): ReadonlySet<number> => {
  const atBanks = new Set(banks.transfers.map(({ reference }) => reference))
  return new Set([...transfers].flatMap(([reference, item]) => (atBanks.has(reference) ? [item] : [])))
}

const storiesOf = ({ logs }: RedisSnapshot): ReadonlyArray<LogStory> =>
  [...logs].map(([batch, entries]) => tellStory(batch, entries))

/**
 * Invariant 1: no item is paid more than once, by whatever banks and under whatever references. A reference tells its item
 * also when the log has forgotten it.
 */
export const paidTwice = ({ redis, banks }: Evidence): Violations => {
  const itemOf = itemsByReference(storiesOf(redis))
  const paid = Map.groupBy(
    banks.transfers.filter(({ payments }) => payments > 0),
    ({ reference }) => {
      const target = itemOf.get(reference)
      return target === undefined ? itemIn(reference) : nameOf(target)
    },
  )
  return [...paid].flatMap(([item, transfers]) => {
    // The books of one bank tell how often it paid a reference at each transfer under it.
    const orders = new Map(transfers.map((transfer) => [`${transfer.bank} ${transfer.reference}`, transfer]))
    const times = [...orders.values()].reduce((sum, { payments }) => sum + payments, 0)
    const where = [...orders.values()].map(shown).join("; ")
    return times > 1 ? [`${item} was paid more than once: ${times} times: ${where}`] : []
  })
}

/** `PB…-42-1` is attempt 1 of item 42, as docs/SPEC.md has it. */
const itemIn = (reference: string): string => {
  const [, batch, item] = /^([A-Z0-9]+)-(\d+)-\d+$/.exec(reference) ?? []
  return batch === undefined ? reference : `pb_${batch.toLowerCase()} item ${item}`
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
const phantoms = (stories: ReadonlyArray<LogStory>, { banks, posted, setBacks }: Evidence): Violations => {
  const itemOf = itemsByReference(stories)
  const ordered = new Map(
    posted.flatMap(({ key, items }) => items.map((item) => [`${key} ${item.reference}`, item])),
  )
  return banks.transfers.flatMap((transfer) => {
    const { reference, amount, beneficiary, orderedAt } = transfer
    const target = itemOf.get(reference)
    if (target === undefined)
      return mayBeUnexplained(setBacks, orderedAt)
        ? []
        : [`no log asked for the transfer ${reference}: ${shown(transfer)}`]
    const { key, items } = target.story
    const item = ordered.get(`${key} ${items.get(target.item)?.reference}`)
    const { name, accountLast4 } = beneficiary
    const made = [amount.currency, amount.value, ...(isToWallet(item) ? [] : [name]), accountLast4].join(" ")
    return item !== undefined && made === wordsOf(item)
      ? []
      : [`${nameOf(target)}: the transfer ${reference} is not what was posted`]
  })
}

/** A wallet's provider gets no name: it knows its customers. */
const isToWallet = (item: PostedItem | undefined): boolean =>
  item !== undefined && walletOf(item.beneficiary.account) !== undefined

const walletOf = ({ email, phone, paypalId }: PostedItem["beneficiary"]["account"]): string | undefined =>
  email ?? phone ?? paypalId

const wordsOf = (item: PostedItem): string => {
  const { amount, beneficiary } = item
  const { account, name } = beneficiary
  const number = account.iban ?? account.accountNumber ?? walletOf(account)
  return [amount.currency, amount.value, ...(isToWallet(item) ? [] : [name]), number?.slice(-4)].join(" ")
}

/**
 * Invariants 17, 18 and 22: nothing is at a bank that the compliance engine did not clear by its own books, that a reviewer
 * rejected or did not release although the engine had doubts, or that was cancelled; unless that was said too late.
 */
export const sentAfterNo = ({ redis, banks, screened, said }: Evidence): Violations => {
  const itemOf = itemsByReference(storiesOf(redis))
  const words = saidOf(screened, said)
  const nameIn = ({ reference }: BankTransfer): string => {
    const target = itemOf.get(reference)
    return target === undefined
      ? itemIn(reference).replace(" item ", " ")
      : `${target.story.batch} ${target.item}`
  }
  return banks.transfers.flatMap((transfer) => sentDespite(nameIn(transfer), transfer, words))
}

/** Invariant 14: each item has come to an end, or waits for a person's word on its transfer. */
const openItems = ({ batch, places, parked }: LogStory): Violations =>
  [...places].flatMap(([item, place]) =>
    place === "open" && !parked.has(item) ? [`${batch} item ${item} is neither at its end nor parked`] : [],
  )

/**
 * Invariant 3: the money is where the log says, in each currency and for each item. Of what is open it says nothing, nor
 * of a bank's last word that Redis may have forgotten after it was acknowledged: that is for reconciliation to find.
 */
const disagreements = (
  stories: ReadonlyArray<LogStory>,
  banks: BankRecord,
  setBacks: ReadonlyArray<SetBack>,
): ReadonlyArray<Disagreement> =>
  disagreementsWith(stories, banks).filter(({ paid }) => !paid.some((word) => mayBeUnheard(setBacks, word)))

/** How many items are not what their bank last said, because Redis forgot that word. */
export const unheardWords = ({ redis, banks, setBacks }: Evidence): number => {
  const stories = storiesOf(redis)
  return disagreementsWith(stories, banks).length - disagreements(stories, banks, setBacks).length
}

interface Disagreement {
  readonly said: string
  readonly paid: ReadonlyArray<BankTransfer>
}

const disagreementsWith = (
  stories: ReadonlyArray<LogStory>,
  { transfers }: BankRecord,
): ReadonlyArray<Disagreement> => {
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
        : [
            {
              said: `${batch} item ${number} is ${place} in the log, and at the banks: ${done.join() || "nothing"}`,
              paid,
            },
          ]
    }),
  )
}

/** Of amounts with all decimals of their currency. */
const minorOf = (value: string): string => value.replace(".", "").replace(/^0+(?=\d)/, "")

/** Invariants 5 and 6: what was acknowledged is there, each batch wholly or not at all, under one id for ever. */
const notAsPosted = (stories: ReadonlyArray<LogStory>, { posted, setBacks }: Evidence): Violations => {
  const known = new Set(posted.map(({ key }) => key))
  const strangers = stories.filter(({ key }) => !known.has(key)).map(({ batch }) => `nobody posted ${batch}`)
  const wrong = posted.flatMap(({ key, items, answers }) => {
    const logged = stories.filter((story) => story.key === key)
    const ids = new Set([...answers.flatMap(({ id }) => id ?? []), ...logged.map(({ batch }) => batch)])
    if (ids.size > 1) return [`${key} stands for ${[...ids].join(" and ")}`]
    const [story] = logged
    if (story === undefined) {
      const isGone = answers.some(
        ({ status, at = 0, askedAt }) => status === 202 && !mayBeForgotten(setBacks, at, askedAt),
      )
      return isGone ? [`${key} was acknowledged and is gone`] : []
    }
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
export const brokenChain = (batch: string, entries: ReadonlyArray<LogEntry>): Violations => {
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

/** Invariant 9: no follower is beyond the end of its feed; where Redis forgot it, that is an alarm. */
const aheadOfLog = (evidence: Evidence): Violations => {
  const { feedEnds } = evidence.redis
  const frozen = frozenOf(evidence)
  return evidence.cursors
    .filter(({ partition, position }) => isBeyond(position, feedEnds.get(partition) ?? "0-0"))
    .filter(({ partition }) => !frozen.partitions.has(partition))
    .map(({ follower, partition, position }) => `${follower} is at ${position}, beyond feed ${partition}`)
}

/** Ids are `<milliseconds>-<sequence>`. */
const isBeyond = (position: string, end: string): boolean => {
  const [ms = 0, sequence = 0] = position.split("-").map(Number)
  const [endMs = 0, endSequence = 0] = end.split("-").map(Number)
  return ms > endMs || (ms === endMs && sequence > endSequence)
}
