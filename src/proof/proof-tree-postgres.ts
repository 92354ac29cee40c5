/**
 * The tree in Postgres. All writes are guarded by the row of `proof_tree`: who finds another size there has changed nothing. A statement
 * that ran although its answer was lost is found done, because the size is another.
 */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import type { BatchLeaf } from "./batch-leaf.ts"
import { carriedOut, type Hash, type Node, type Place, type Plan, placeKey } from "./merkle-tree.ts"
import { type DueHead, ProofTree, type Refusal, TreeDamaged } from "./proof-tree.ts"

/** A refused head is looked at again after a minute, then two, four, up to a day. */
const RETRY_SECONDS_MIN = 60
const RETRY_SECONDS_MAX = 86_400

export const layer = Layer.effect(
  ProofTree,
  Effect.gen(function* () {
    const { query } = yield* Database
    return ProofTree.of({
      size: Effect.map(
        query("size of the tree", (sql) => sql<[Sized]>`select size::float8 as size from proof_tree`),
        ([row]) => row?.size ?? 0,
      ),
      compute: Effect.fn("ProofTree.compute")(function* (plan) {
        const nodes = yield* query("read nodes", readNodes(plan.places))
        return yield* computed(
          plan,
          new Map(nodes.map(({ level, position, hash }) => [placeKey({ level, position }), hash])),
        )
      }),
      leafOf: Effect.fn("ProofTree.leafOf")(function* (batch, size) {
        const [row] = yield* query(
          "find a leaf",
          (sql) => sql<Array<LeafRow>>`
            select position::float8 as position, version, head, events_root from proof_leaves
            where batch = ${batch} and position < ${size} order by version desc limit 1`,
        )
        if (row === undefined) return undefined
        const { events_root: eventsRoot, ...leaf } = row
        return { batch, ...leaf, eventsRoot }
      }),
      takeTurn: Effect.fn("ProofTree.takeTurn")(function* (holder, ms) {
        const [row] = yield* query(
          "take the turn",
          (sql) => sql<Array<Sized>>`
            update proof_tree set holder = ${holder}, held_until = now() + ${ms} * interval '1 millisecond'
            where holder = ${holder} or held_until is null or held_until < now()
            returning size::float8 as size`,
        )
        return row?.size
      }),
      due: Effect.fn("ProofTree.due")(function* (limit) {
        return (yield* query("find heads", dueHeads(limit))).map(dueHead)
      }),
      enter: Effect.fn("ProofTree.enter")(function* (size, leaves, nodes) {
        return (yield* query("enter heads", enterLeaves(size, leaves, nodes))).length > 0
      }),
      mark: Effect.fn("ProofTree.mark")(function* (entered) {
        yield* query("mark heads", (sql) => sql`with ${marked(sql, entered)} select from marked`)
      }),
      refuse: Effect.fn("ProofTree.refuse")(function* (refusals) {
        yield* query("refuse heads", refuseHeads(refusals))
      }),
      refused: Effect.map(
        query(
          "count refusals",
          (sql) => sql<[Counted]>`
            select count(*)::int as count from proof_refusals as refusal
            join closed_batches as closed using (batch, version) where entered_version < closed.version`,
        ),
        ([row]) => row?.count ?? 0,
      ),
    })
  }),
)

interface Sized {
  readonly size: number
}
interface Counted {
  readonly count: number
}
interface LeafRow {
  readonly position: number
  readonly version: number
  readonly head: string
  readonly events_root: Hash
}

const readNodes = (places: ReadonlyArray<Place>) => (sql: Sql) =>
  sql<Array<Node>>`
    select level, position::float8 as position, hash from proof_nodes
    join unnest(
      ${arrayText(places.map(({ level }) => level))}::int[],
      ${arrayText(places.map(({ position }) => position))}::bigint[]
    ) as wanted (level, position) using (level, position)`

const computed = <A>(plan: Plan<A>, hashes: ReadonlyMap<string, Hash>): Effect.Effect<A, TreeDamaged> =>
  Effect.try({
    try: () => carriedOut(plan, hashes),
    catch: (error) => new TreeDamaged({ reason: error instanceof Error ? error.message : "unknown" }),
  })

interface DueRow {
  readonly batch: BatchId
  readonly version: number
  readonly head: string
  readonly entered_version: number | null
  readonly entered_head: string | null
}

const dueHeads = (limit: number) => (sql: Sql) =>
  sql<Array<DueRow>>`
    select closed.batch, closed.version, closed.head, leaf.version as entered_version, leaf.head as entered_head
    from closed_batches as closed
    left join lateral (
      select version, head from proof_leaves where batch = closed.batch order by version desc limit 1
    ) as leaf on true
    where closed.entered_version < closed.version and not exists (
      select from proof_refusals as refusal
      where refusal.batch = closed.batch and refusal.version = closed.version and retry_at > now()
    )
    order by closed.closed_at, closed.batch limit ${limit}`

const dueHead = ({ entered_version, entered_head, ...due }: DueRow): DueHead => ({
  ...due,
  entered:
    entered_version === null || entered_head === null
      ? undefined
      : { version: entered_version, head: entered_head },
})

const enterLeaves =
  (size: number, leaves: ReadonlyArray<BatchLeaf>, nodes: ReadonlyArray<Node>) => (sql: Sql) =>
    sql`
    with grown as (
      update proof_tree set size = ${size + leaves.length} where size = ${size} returning size
    ), entered as (
      insert into proof_leaves (position, batch, version, head, events_root)
      select ${size} + nth - 1, batch, version, head, decode(events_root, 'hex')
      from unnest(
        ${arrayText(leaves.map(({ batch }) => batch))}::text[],
        ${arrayText(leaves.map(({ version }) => version))}::int[],
        ${arrayText(leaves.map(({ head }) => head))}::text[],
        ${arrayText(leaves.map(({ eventsRoot }) => eventsRoot.toString("hex")))}::text[]
      ) with ordinality as leaves (batch, version, head, events_root, nth)
      where exists (select from grown)
    ), completed as (
      insert into proof_nodes (level, position, hash)
      select level, position, decode(hash, 'hex')
      from unnest(
        ${arrayText(nodes.map(({ level }) => level))}::int[],
        ${arrayText(nodes.map(({ position }) => position))}::bigint[],
        ${arrayText(nodes.map(({ hash }) => hash.toString("hex")))}::text[]
      ) as nodes (level, position, hash)
      where exists (select from grown)
    ), ${marked(sql, leaves, sql`exists (select from grown)`)}
    select size from grown`

/**
 * The part of a statement that marks batches as entered. It passes over rows that the projector holds, so that neither waits for the
 * other: such a batch is found entered the next time.
 */
const marked = (
  sql: Sql,
  entered: ReadonlyArray<{ readonly batch: string; readonly version: number }>,
  condition = sql`true`,
) => sql`
    given as (
      select * from unnest(
        ${arrayText(entered.map(({ batch }) => batch))}::text[],
        ${arrayText(entered.map(({ version }) => version))}::int[]
      ) as given (batch, version)
    ), free as materialized (
      select batch from closed_batches where batch in (select batch from given) and ${condition}
      order by batch for update skip locked
    ), marked as (
      update closed_batches as closed set entered_version = given.version
      from given join free using (batch)
      where closed.batch = given.batch and closed.entered_version < given.version
      returning closed.batch
    ), accepted as (
      delete from proof_refusals as refusal using given
      where refusal.batch = given.batch and refusal.version <= given.version and ${condition}
    )`

const refuseHeads = (refusals: ReadonlyArray<Refusal>) => (sql: Sql) =>
  sql`
    insert into proof_refusals as refusal (batch, version, reason, retry_at)
    select batch, version, reason, now() + ${RETRY_SECONDS_MIN} * interval '1 second'
    from unnest(
      ${arrayText(refusals.map(({ batch }) => batch))}::text[],
      ${arrayText(refusals.map(({ version }) => version))}::int[],
      ${arrayText(refusals.map(({ reason }) => reason))}::text[]
    ) as refused (batch, version, reason)
    on conflict (batch) do update set
      version = excluded.version,
      reason = excluded.reason,
      times = case when refusal.version = excluded.version then refusal.times + 1 else 1 end,
      retry_at = now() + interval '1 second' * case when refusal.version = excluded.version
        then least(${RETRY_SECONDS_MAX}, ${RETRY_SECONDS_MIN} * 2 ^ least(refusal.times, 20)) else ${RETRY_SECONDS_MIN} end`
