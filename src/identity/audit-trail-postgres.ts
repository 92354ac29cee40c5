/** The trail as a table in Postgres, which refuses to change or remove entries. An entry is written in the transaction of its act. */
import { Effect, Layer } from "effect"
import type { TransactionSql } from "postgres"
import { Database } from "../database/database.ts"
import { type Administrator, type AuditEntry, AuditTrail, ENTRIES_PER_PAGE_MAX } from "./audit-trail.ts"

export const layer = Layer.effect(
  AuditTrail,
  Effect.map(Database, ({ query }) =>
    AuditTrail.of({
      read: Effect.fn("AuditTrail.read")(function* ({ before, subject, who, limit }) {
        const rows = yield* query(
          "read the audit trail",
          (sql) => sql<Array<Row>>`
            select sequence::text, at, who, address, act, subject, before, after from audit_trail
            where true
              ${before === undefined ? sql`` : sql`and sequence < ${before}`}
              ${subject === undefined ? sql`` : sql`and subject = ${subject}`}
              ${who === undefined ? sql`` : sql`and who = ${who}`}
            order by audit_trail.sequence desc limit ${Math.max(1, Math.min(limit, ENTRIES_PER_PAGE_MAX))}`,
        )
        return rows.map(entryOf)
      }),
    }),
  ),
)

/** An act to write down. `before` and `after` are JSON without secrets. */
export interface AuditedAct {
  readonly act: string
  readonly subject: string
  readonly before: object | null
  readonly after: object | null
}

/**
 * Writes an entry in a transaction. Acts take turns from here to the end of their transaction, so that the order of the entries
 * is that of the acts, and who reads page by page misses none.
 */
export const writeAudit = async (
  sql: TransactionSql,
  { who, address }: Administrator,
  { act, subject, before, after }: AuditedAct,
): Promise<void> => {
  await sql`select pg_advisory_xact_lock(hashtext('audit trail'))`
  await sql`
    insert into audit_trail (who, address, act, subject, before, after)
    values (${who}, ${address ?? null}, ${act}, ${subject}, ${json(before)}::text::jsonb, ${json(after)}::text::jsonb)`
}

const json = (value: object | null): string | null => (value === null ? null : JSON.stringify(value))

interface Row {
  readonly sequence: string
  readonly at: Date
  readonly who: string
  readonly address: string | null
  readonly act: string
  readonly subject: string
  readonly before: unknown
  readonly after: unknown
}

const entryOf = ({ sequence, address, ...row }: Row): AuditEntry => ({
  sequence: Number(sequence),
  address: address ?? undefined,
  ...row,
})
