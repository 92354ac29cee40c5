/** Signed roots in Postgres. */
import { Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { Database } from "../database/database.ts"
import type { Hash } from "./merkle-tree.ts"
import { readPublicKey } from "./proof-key.ts"
import { ProofRoots, type SignedRoot } from "./proof-roots.ts"

/** Keys are replaced once in a while; more than these are not shown. */
const KEYS_MAX = 100

export const layer = Layer.effect(
  ProofRoots,
  Effect.gen(function* () {
    const { query } = yield* Database
    const one = (step: string, find: (sql: Sql) => PromiseLike<ReadonlyArray<RootRow>>) =>
      Effect.map(query(step, find), ([row]) => row && signedRoot(row))
    return ProofRoots.of({
      published: one(
        "latest published root",
        (sql) => sql<Array<RootRow>>`
          ${roots(sql)} where number <= (select published from proof_tree) order by number desc limit 1`,
      ),
      setPublished: Effect.fn("ProofRoots.setPublished")(function* (number) {
        yield* query(
          "note published roots",
          (sql) => sql`update proof_tree set published = ${number} where published < ${number}`,
        )
      }),
      isOriginPublished: Effect.fn("ProofRoots.isOriginPublished")(function* (origin) {
        const [row] = yield* query(
          "find roots of an origin",
          (sql) => sql<[{ readonly found: boolean }]>`
            select exists (
              select from proof_roots where origin = ${origin} and number <= (select published from proof_tree)
            ) as found`,
        )
        return row?.found ?? false
      }),
      latest: one("latest root", (sql) => sql<Array<RootRow>>`${roots(sql)} order by number desc limit 1`),
      numbered: (number) =>
        one("find a root", (sql) => sql<Array<RootRow>>`${roots(sql)} where number = ${number}`),
      after: Effect.fn("ProofRoots.after")(function* (number, limit) {
        const rows = yield* query(
          "list roots",
          (sql) => sql<Array<RootRow>>`
            ${roots(sql)} where number > ${number} order by number limit ${limit}`,
        )
        return rows.map(signedRoot)
      }),
      store: Effect.fn("ProofRoots.store")(function* (root, { keyId, text }) {
        const stored = yield* query("store a root", storeRoot(root, keyId, text))
        return stored.length > 0
      }),
      keys: Effect.map(
        query(
          "list keys",
          (sql) => sql<Array<{ readonly public_key: string }>>`
            select public_key from proof_keys order by first_used_at desc limit ${KEYS_MAX}`,
        ),
        (rows) => rows.flatMap(({ public_key }) => readPublicKey(public_key) ?? []),
      ),
    })
  }),
)

interface RootRow {
  readonly number: number
  readonly origin: string
  readonly size: number
  readonly root: Hash
  readonly signed_at: Date
  readonly key_id: string
  readonly note: string
}

const signedRoot = ({ signed_at, key_id: keyId, ...row }: RootRow): SignedRoot => ({
  ...row,
  at: signed_at.getTime(),
  keyId,
})

const roots = (sql: Sql) => sql`
  select number::float8 as number, origin, size::float8 as size, root, signed_at, key_id, note from proof_roots`

/** The row of the tree is locked, so that nothing is entered and no other root stored meanwhile. */
const storeRoot = (root: SignedRoot, keyId: string, publicKey: string) => (sql: Sql) =>
  sql`
    with tree as (
      select size from proof_tree where size = ${root.size} for update
    ), stored as (
      insert into proof_roots (number, origin, size, root, signed_at, key_id, note)
      select ${root.number}, ${root.origin}, size, decode(${root.root.toString("hex")}, 'hex'), ${new Date(root.at)}, ${keyId}, ${root.note}
      from tree where ${root.number - 1} = (select coalesce(max(number), 0) from proof_roots)
      on conflict (number) do nothing
      returning number
    ), named as (
      insert into proof_keys (key_id, public_key) select ${keyId}, ${publicKey} from stored
      on conflict (key_id) do nothing
    )
    select number from stored`
