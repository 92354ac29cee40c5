/**
 * Enters the heads of closed batches into the tree.
 *
 *   1. take    the turn: others wait. It saves work; the size in the statement is the guard
 *   2. find    closed batches whose head is not in the tree at their version
 *   3. check   each against its log: the hash there, and at the version that was entered before
 *   4. enter   leaves, subtrees and marks in one statement, if the tree still has the size of step 1
 *
 * A head that its log does not bear out is refused, reported and looked at again later. The others go on.
 */
import { Effect, Result } from "effect"
import { CrashPoints } from "../platform/crash-point.ts"
import { type EventRange, EventStore, type LoggedEvent } from "../streams/event-store.ts"
import { chainStart } from "../streams/hash-chain.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { type BatchLeaf, hashOfLeaf } from "./batch-leaf.ts"
import { LogLeaves, visitLeaves } from "./log-tree.ts"
import { GrowingTree, type Hash, type Node, type Plan, placesOfRoot } from "./merkle-tree.ts"
import { type DueHead, ProofTree, type Refusal } from "./proof-tree.ts"

/** Heads that one statement enters. */
export const HEADS_PER_STATEMENT = 2_000
/** Events of the logs that are read before a statement enters their heads: what a death would cost, and for how long nobody is heard of. */
const EVENTS_PER_STATEMENT = 100_000
/** Events that are read together; longer logs are read by themselves, page by page. */
const EVENTS_TOGETHER_MAX = 2_000
const LOGS_TOGETHER_MAX = 100
const LOGS_AT_A_TIME = 2

/** What came of a page of heads: how many were entered and refused, and whether there may be more. */
export interface Entered {
  readonly entered: number
  readonly refused: number
  readonly more: boolean
}

/**
 * Enters at most `limit` heads, whose logs have at most `eventsMax` events unless it is one head alone, into a tree of a size. Nothing
 * is entered if it has another size by then.
 */
export const enterHeads = Effect.fn("enterHeads")(function* (
  size: number,
  limit = HEADS_PER_STATEMENT,
  eventsMax = EVENTS_PER_STATEMENT,
) {
  const tree = yield* ProofTree
  const found = yield* tree.due(limit)
  const due = found.slice(0, headsWithin(found, eventsMax))
  if (due.length === 0) return { entered: 0, refused: 0, more: false }
  const known = due.filter(isKnown)
  if (known.length > 0) yield* tree.mark(known)
  const checked = yield* checkedHeads(due.filter((head) => !isKnown(head)))
  const refusals = checked.flatMap((one) => (Result.isFailure(one) ? [one.failure] : []))
  const leaves = checked.flatMap((one) => (Result.isSuccess(one) ? [one.success] : []))
  yield* reportRefusals(refusals)
  const more = found.length === limit || due.length < found.length
  if (leaves.length === 0) return { entered: 0, refused: refusals.length, more }
  const reach = yield* CrashPoints
  const nodes = grown(size, yield* tree.compute(edgePlan(size)), leaves)
  yield* reach("before-leaves")
  const isEntered = yield* tree.enter(size, leaves, nodes)
  yield* reach("after-leaves")
  const entered = isEntered ? leaves.length : 0
  ;(yield* Metrics).proofLeaves.inc(entered)
  return { entered, refused: refusals.length, more: more && isEntered }
})

/** How many heads from the first on have at most so many events in all; always one, if there is one. */
const headsWithin = (heads: ReadonlyArray<DueHead>, eventsMax: number): number => {
  let events = 0
  const beyond = heads.findIndex(({ version }, index) => {
    events += version
    return index > 0 && events > eventsMax
  })
  return beyond < 0 ? heads.length : beyond
}

/** Whether the head is in the tree already, or a later one of its batch is. */
const isKnown = ({ version, head, entered }: DueHead): boolean =>
  entered !== undefined &&
  (entered.version > version || (entered.version === version && entered.head === head))

/** The hashes at the right edge of a tree, from left to right. */
const edgePlan = (size: number): Plan<ReadonlyArray<Hash>> => {
  const places = placesOfRoot(size)
  return { places, result: (hashOf) => places.map(hashOf) }
}

/** The subtrees that are complete once leaves were added to a tree of a size with this edge. */
export const grown = (
  size: number,
  edge: ReadonlyArray<Hash>,
  leaves: ReadonlyArray<BatchLeaf>,
): ReadonlyArray<Node> => {
  const tree = new GrowingTree(size, edge)
  return leaves.flatMap((leaf) => tree.add(hashOfLeaf(leaf)))
}

type Checked = Result.Result<BatchLeaf, Refusal>

/** The leaf of each head that its log bears out, in the order of the heads. */
const checkedHeads = Effect.fnUntraced(function* (heads: ReadonlyArray<DueHead>) {
  const store = yield* EventStore
  const checked = yield* Effect.forEach(
    groupsOf(heads),
    (group) => {
      const [only] = group
      return only !== undefined && group.length === 1 && only.version > EVENTS_TOGETHER_MAX
        ? Effect.map(longLog(store, only), (one) => [one])
        : shortLogs(store, group)
    },
    { concurrency: LOGS_AT_A_TIME },
  )
  return checked.flat()
})

/** Heads whose logs are read together: few events in all, or one long log. */
const groupsOf = (heads: ReadonlyArray<DueHead>): ReadonlyArray<ReadonlyArray<DueHead>> => {
  const groups: Array<Array<DueHead>> = []
  let events = Number.POSITIVE_INFINITY
  for (const head of heads) {
    const last = groups.at(-1)
    events += head.version
    if (last === undefined || events > EVENTS_TOGETHER_MAX || last.length === LOGS_TOGETHER_MAX) {
      groups.push([head])
      events = head.version
    } else last.push(head)
  }
  return groups
}

const shortLogs = Effect.fnUntraced(function* (
  store: EventStore["Service"],
  heads: ReadonlyArray<DueHead>,
): Effect.fn.Return<ReadonlyArray<Checked>, Effect.Error<ReturnType<EventStore["Service"]["readRanges"]>>> {
  const logs = yield* store.readRanges(
    heads.map(
      ({ batch, version }): EventRange => ({ batch, after: 0, to: version, head: chainStart(batch) }),
    ),
  )
  return heads.map((head, index) =>
    Result.match(logs[index] ?? Result.succeed([]), {
      onFailure: ({ entry, reason }) => refusal(head, `${entry}: ${reason}`),
      onSuccess: (events) => {
        const check = new HeadCheck(head)
        try {
          for (const event of events) check.next(event)
        } catch (error) {
          return refusal(head, error instanceof Error ? error.message : "unknown")
        }
        return check.result
      },
    }),
  )
})

const longLog = Effect.fnUntraced(function* (store: EventStore["Service"], head: DueHead) {
  const check = new HeadCheck(head)
  return yield* visitLeaves(store, head.batch, head, (event, leaf) => check.add(event, leaf)).pipe(
    Effect.map(() => check.result),
    Effect.catchTag("CorruptEntry", ({ entry, reason }) =>
      Effect.succeed(refusal(head, `${entry}: ${reason}`)),
    ),
  )
})

const refusal = ({ batch, version }: DueHead, reason: string): Checked =>
  Result.fail({ batch, version, reason })

/** Folds a log up to a head that it should have. */
class HeadCheck {
  readonly #due: DueHead
  readonly #events = new GrowingTree()
  readonly #leaves: LogLeaves
  #head = ""
  #headEntered: string | undefined

  constructor(due: DueHead) {
    this.#due = due
    this.#leaves = new LogLeaves(due.batch)
  }

  /** Takes the next event. Throws if it does not follow. */
  next(event: LoggedEvent): void {
    this.add(event, this.#leaves.next(event).leaf)
  }

  /** Takes the next event, which was found to follow. */
  add({ version, hash }: LoggedEvent, leaf: Hash): void {
    this.#events.add(leaf)
    this.#head = hash
    if (version === this.#due.entered?.version) this.#headEntered = hash
  }

  get result(): Checked {
    const { batch, version, head, entered } = this.#due
    if (this.#events.size !== version) return refusal(this.#due, "the log ends before it")
    if (this.#head !== head) return refusal(this.#due, "the log has another hash there")
    if (entered !== undefined && this.#headEntered !== entered.head)
      return refusal(this.#due, `the log has another hash at version ${entered.version}, which was entered`)
    return Result.succeed({ batch, version, head, eventsRoot: this.#events.root })
  }
}

const reportRefusals = Effect.fnUntraced(function* (refusals: ReadonlyArray<Refusal>) {
  const tree = yield* ProofTree
  if (refusals.length > 0) yield* tree.refuse(refusals)
  for (const refused of refusals)
    yield* Effect.logError("a head was not entered into the proof tree", refused)
})
