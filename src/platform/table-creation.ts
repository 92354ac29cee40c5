/**
 * The statement by which a part of the service makes tables of its own, unless `table`, one of them, is there.
 *
 * Sent as one message it is one transaction, and its lock ends with it: processes that start together take turns. What is
 * there is left alone: even to find that an index is there takes a lock that those who are at work could die of.
 */
export const tableCreation = (table: string, statements: string): string => `
  select pg_advisory_xact_lock(hashtext('atlaspay tables of ${table}'));
  do $once$ begin
    if to_regclass('${table}') is null then
      execute $migration$${statements}$migration$;
    end if;
  end $once$;`
