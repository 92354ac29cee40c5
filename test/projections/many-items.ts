/** Fills the tables of the read models with many batches of 50 items, on 20 partners and a year, by statements of their own. */
import type { Sql } from "postgres"

export const ITEMS_PER_BATCH = 50
export const PARTNERS = 20

/** A batch that is there, by its number from 1. */
export const batchNumbered = (number: number): string =>
  `pb_${[...String(number)]
    .map((digit) => "bcdefghijk"[Number(digit)])
    .join("")
    .padStart(22, "a")}`

export const fillTables = async (sql: Sql, batches: number): Promise<void> => {
  const received = sql`timestamptz '2026-01-01' + b * interval '365 days' / ${batches}::int`
  await sql`
    insert into payout_batches (id, partner, reference, idempotency_key, state, item_count, version, received_at,
      updated_at, closed_at, totals, head)
    select 'pb_' || lpad(translate(b::text, '0123456789', 'bcdefghijk'), 22, 'a'), 'partner-' || b % ${PARTNERS}::int, 'run-' || b, 'key-' || b,
      case b % 10 when 0 then 'partially-settled' when 1 then 'settling' else 'settled' end, ${ITEMS_PER_BATCH}::int,
      160, ${received}, ${received}, ${received}, case b % 10 when 0
        then '{"EUR": {"settled": {"count": 48, "minor": "1"}, "failed": {"count": 1, "minor": "1"}, "returned": {"count": 1, "minor": "1"}}}'
        else '{"EUR": {"settled": {"count": 50, "minor": "1"}}}' end::jsonb, 'h'
    from generate_series(1, ${batches}::int) as b`
  await sql`
    insert into payout_items (batch, item, reference, beneficiary_name, account_masked, currency, minor, state, ledger,
      bank, transfer_reference, attempt, reason, version, updated_at, transfer_id, attempt_state, requested_at,
      concluded_at, earlier_attempts)
    select 'pb_' || lpad(translate(b::text, '0123456789', 'bcdefghijk'), 22, 'a'), i, 'order-' || n, 'Grace Hopper',
      'iban …' || lpad((n * 7919 % 10000)::text, 4, '0'), 'EUR', n * 104729 % 5000000 + 1, state, 'posted', 'north',
      'PBX' || n, 1, case state when 'settled' then null else 'AC04' end, 150, ${received}, 'north-' || n, state,
      ${received}, ${received}, case when n % 1000 = 505
        then jsonb_build_array(jsonb_build_object('attempt', 1, 'transferId', 'south-' || n)) end
    from generate_series(1, ${batches}::int) as b, generate_series(1, ${ITEMS_PER_BATCH}::int) as i,
      lateral (select b::bigint * ${ITEMS_PER_BATCH}::int + i as n, case
        when b % 10 = 0 and i = 7 then 'failed' when b % 10 = 0 and i = 8 then 'returned' else 'settled' end as state
      ) as made`
  await sql`
    insert into payout_batch_days (batch, day, currency, bank, state, code, partner, count, minor, version)
    select 'pb_' || lpad(translate(b::text, '0123456789', 'bcdefghijk'), 22, 'a'), (${received})::date, 'EUR', bank, state, code,
      'partner-' || b % ${PARTNERS}::int, count, 1, 150
    from generate_series(1, ${batches}::int) as b, (values
      ('', 'received', '', 50, 1), ('north', 'settled', '', 48, 1), ('north', 'failed', 'AC04', 1, 10),
      ('north', 'returned', 'AC04', 1, 10)) as made (bank, state, code, count, every)
    where b % every = 0`
  await sql`
    insert into payout_acts (batch, version, partner, at, act, outcome, credential, name, command)
    select 'pb_' || lpad(translate(b::text, '0123456789', 'bcdefghijk'), 22, 'a'), v, 'partner-' || b % ${PARTNERS}::int, ${received}, 'payout-item.review',
      'released', 'operator:o-' || b % 50, 'olga', 'command-' || b || '-' || v
    from generate_series(1, ${batches}::int) as b, generate_series(1, 2) as v`
  await sql`
    insert into audit_trail (at, who, act, subject, after)
    select ${received}, 'operator:o-' || b % 50, 'payout-item.review', 'payout-item:pb_' || lpad(translate(b::text, '0123456789', 'bcdefghijk'), 22, 'a') || '/1',
      jsonb_build_object('commandId', 'command-' || b || '-1')
    from generate_series(1, ${batches}::int) as b`
  for (const index of ["reference", "last_four", "amount", "transfer_id"])
    await sql`select brin_summarize_new_values(${`payout_items_by_${index}`})`
  await sql`analyze payout_batches, payout_items, payout_batch_days, payout_acts, audit_trail`
}
