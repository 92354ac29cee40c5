/**
 * The statement by which a part of the service makes tables of its own, unless `table`, one of them, is there.
 *
 * Sent as one message it is one transaction, and its lock ends with it: processes that start together take turns. What is
 * there is left alone: even to find that an index is there takes a lock that those who are at work could die of.
 */
export const tableCreation = (table: string, statements: string): string =>
  once(table, `to_regclass('${table}') is null`, statements)

/** The statement by which a part adds to tables of its own that are there, unless `column` of `table` is there. */
export const columnAddition = (table: string, column: string, statements: string): string =>
  once(
    table,
    `not exists (select from pg_attribute
      where attrelid = '${table}'::regclass and attname = '${column}' and not attisdropped)`,
    statements,
  )

const once = (table: string, isMissing: string, statements: string): string => `
  select pg_advisory_xact_lock(hashtext('atlaspay tables of ${table}'));
  do $once$ begin
    if ${isMissing} then
      execute $migration$${statements}$migration$;
    end if;
  end $once$;`
