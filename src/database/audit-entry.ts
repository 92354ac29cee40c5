/** Entries of the audit trail, which the adapters of all rooms write. The table refuses to change or remove them. */
import type { TransactionSql } from "postgres"

/** Who acts, and from where. */
export interface Actor {
  /** A credential, or `cli:<user>` at the command line. */
  readonly who: string
  /** The address of the request, or the name of the machine. */
  readonly address?: string | undefined
  /** The name that an issuer of sign-ins gives for the person, or that a request gave: a note. */
  readonly name?: string | undefined
}

/** An act to write down. `before` and `after` are JSON without secrets. */
export interface AuditedAct {
  /** Such as `api-key.revoke`. */
  readonly act: string
  /** Such as `partner:acme`. */
  readonly subject: string
  readonly before: object | null
  readonly after: object | null
}

/**
 * Writes an entry in the transaction of its act. Acts take turns from here to the end of their transaction, so that the order of
 * the entries is that of the acts, and who reads page by page misses none.
 */
export const writeAudit = async (
  sql: TransactionSql,
  { who, address, name }: Actor,
  { act, subject, before, after }: AuditedAct,
): Promise<void> => {
  await sql`select pg_advisory_xact_lock(hashtext('audit trail'))`
  await sql`
    insert into audit_trail (who, address, name, act, subject, before, after)
    values (${who}, ${address ?? null}, ${name ?? null}, ${act}, ${subject}, ${json(before)}::text::jsonb, ${json(after)}::text::jsonb)`
}

const json = (value: object | null): string | null => (value === null ? null : JSON.stringify(value))
