/**
 * What must always hold, looked at from outside: Redis, Postgres and the banks' books as they are, and a partner's
 * record of what it was told. Each check gives its violations in words; none is good.
 */
import { createHash } from "node:crypto"
import type { BankRecord } from "./bank-transfers.ts"
import type { Cursor } from "./follower-cursors.ts"
import { type LogStory, tellStory } from "./log-story.ts"
import type { PostedBatch } from "./partner.ts"
import type { LogEntry, RedisSnapshot } from "./redis-snapshot.ts"

export interface Evidence {
  readonly redis: RedisSnapshot
  readonly banks: BankRecord
  readonly cursors: ReadonlyArray<Cursor>
  readonly posted: ReadonlyArray<PostedBatch>
}

type Violations = ReadonlyArray<string>

/** All that must hold at any time, whatever is broken at the moment. */
export const violations = ({ redis, banks, cursors, posted }: Evidence): Violations => {
  const stories = storiesOf(redis)
  return [
    ...paidTwice(stories, banks),
    ...stories.flatMap(({ faults }) => faults.map((fault) => `the sum is not conserved: ${fault}`)),
    ...notAsPosted(stories, posted),
    ...[...redis.logs].flatMap(([batch, entries]) => brokenChain(batch, entries)),
    ...aheadOfLog(redis, cursors),
  ]
}

/** What is left to do, and so should be nothing once all is well: only then the log and the banks have to agree. */
export const unfinished = ({ redis, banks, cursors }: Evidence): Violations => {
  const stories = storiesOf(redis)
  return [
    ...redis.unfinished,
    ...stories.filter(({ isClosed }) => !isClosed).map(({ batch }) => `${batch} is not closed`),
    ...(banks.outstanding > 0 ? [`the banks have ${banks.outstanding} things to do or to tell`] : []),
    ...cursors
      .filter(({ partition, position }) => position !== (redis.feedEnds.get(partition) ?? "0-0"))
      .map(({ follower, partition }) => `${follower} is behind in partition ${partition}`),
    ...disagreements(stories, banks),
  ]
}

const storiesOf = ({ logs }: RedisSnapshot): ReadonlyArray<LogStory> =>
  [...logs].map(([batch, entries]) => tellStory(batch, entries))

/** Invariants 1 and 2: each reference paid once, each item under one reference, and none that no log knows. */
const paidTwice = (stories: ReadonlyArray<LogStory>, { transfers }: BankRecord): Violations => {
  const itemOf = new Map<string, string>()
  for (const { batch, transfers } of stories)
    for (const [reference, item] of transfers) itemOf.set(reference, `${batch} item ${item}`)
  const paid = new Set<string>()
  return transfers.flatMap(({ reference, payments }) => {
    const item = itemOf.get(reference)
    if (item === undefined) return [`no log asked for the transfer ${reference}`]
    const again = payments > 0 && paid.has(item)
    if (payments > 0) paid.add(item)
    return payments > 1 || again ? [`${item} was paid more than once, at last as ${reference}`] : []
  })
}

/** Invariant 3: the money is where the log says, in each currency and for each item. */
const disagreements = (stories: ReadonlyArray<LogStory>, { transfers }: BankRecord): Violations => {
  const atBank = new Map(transfers.map((transfer) => [transfer.reference, transfer]))
  return stories.flatMap(({ batch, items, places, transfers }) =>
    [...places].flatMap(([number, place]) => {
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

/** Of currencies with a fraction; the partner of these tests uses no others. */
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
