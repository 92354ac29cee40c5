/** The trail as it is read from Postgres. Each act writes its entry in its own transaction (`src/database/audit-entry.ts`). */
import { Effect, Layer } from "effect"
import { writeAudit } from "../database/audit-entry.ts"
import { Database } from "../database/database.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { type AuditEntry, AuditTrail, ENTRIES_PER_PAGE_MAX } from "./audit-trail.ts"

export const layer = Layer.effect(
  AuditTrail,
  Effect.map(Database, ({ query }) =>
    AuditTrail.of({
      record: Effect.fn("AuditTrail.record")(function* (by, act) {
        yield* query("add to the audit trail", (sql) =>
          transaction(sql, "default", (sql) => writeAudit(sql, by, act)),
        )
      }),
      read: Effect.fn("AuditTrail.read")(function* ({ before, subject, who, limit }) {
        const rows = yield* query(
          "read the audit trail",
          (sql) => sql<Array<Row>>`
            select sequence::text, at, who, address, name, act, subject, before, after from audit_trail
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

interface Row {
  readonly sequence: string
  readonly at: Date
  readonly who: string
  readonly address: string | null
  readonly name: string | null
  readonly act: string
  readonly subject: string
  readonly before: unknown
  readonly after: unknown
}

const entryOf = ({ sequence, address, name, ...row }: Row): AuditEntry => ({
  sequence: Number(sequence),
  address: address ?? undefined,
  name: name ?? undefined,
  ...row,
})
