/**
 * What a rebuild does to whole tables. Each script is one message, so Postgres does all of it or nothing, whatever becomes of the
 * connection. Where it is not the time, a script changes nothing and fails with one of {@link OUTCOMES}.
 */
import { READ_MODEL_TABLES } from "./read-model-tables.ts"
import { PROJECTION } from "./read-models.ts"
import { REBUILT } from "./rebuilt-database.ts"

/** SQLSTATEs of a class that Postgres has not. */
export const OUTCOMES = { lost: "RB001", behind: "RB002", changed: "RB003" } as const

/** Under this name the checkpoints hold the feed for a rebuild. */
export const HOLD = `${PROJECTION}-rebuild`

/** Which rebuild a process has: its number, and the name of the process, which has only hexadecimal digits and hyphens. */
export interface Held {
  readonly rebuild: number
  readonly holder: string
}

const tables = `array[${READ_MODEL_TABLES.map((table) => `'${table}'`).join(", ")}]`

/** As a projector's statement comes to them, so that neither waits for the other. */
const lockedTables = `array['payout_items', 'payout_batch_days', 'payout_acts', 'payout_batches']`

/** Fails unless the process has the rebuild in this state; then nobody else takes it until the script ends. */
const requireHeld = ({ rebuild, holder }: Held, state: string): string => {
  if (!/^[0-9a-f-]+$/.test(holder)) throw new Error("a holder has hexadecimal digits and hyphens")
  return `
    perform from read_model_rebuilds
      where id = ${Math.trunc(rebuild)} and holder = '${holder}' and state = '${state}' and ended_at is null for update;
    if not found then raise exception using errcode = '${OUTCOMES.lost}', message = 'the rebuild is lost'; end if;`
}

const dropAll = `
    for each_table in select relname from pg_class where relnamespace = '${REBUILT}'::regnamespace and relkind = 'r' loop
      execute format('drop table ${REBUILT}.%I', each_table);
    end loop;`

/**
 * Makes empty tables beside the live ones, with the same columns, settings and rights. Indexes follow once they are filled. Holds
 * the whole of each feed that somebody follows.
 */
export const prepareScript = (held: Held): string => `do $$
  declare
    each_table text;
    each_step text;
  begin
    ${requireHeld(held, "listing")}
    ${dropAll}
    create table ${REBUILT}.listed_batches (batch text collate "C" primary key);
    create table ${REBUILT}.projection_checkpoints (like public.projection_checkpoints including all);
    foreach each_table in array ${tables} loop
      execute format('create table ${REBUILT}.%I (like public.%I including all excluding indexes)', each_table, each_table);
      for each_step in
        select format('alter table ${REBUILT}.%I set (%s)', each_table, array_to_string(reloptions, ', '))
        from pg_class where oid = format('public.%I', each_table)::regclass and reloptions is not null
        union all
        select format('grant %s on ${REBUILT}.%I to %s', privilege_type, each_table,
          case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
        from pg_class, aclexplode(relacl)
        where oid = format('public.%I', each_table)::regclass and grantee <> relowner
      loop
        execute each_step;
      end loop;
    end loop;
    delete from projection_checkpoints where projection = '${HOLD}';
    insert into projection_checkpoints (projection, partition, position)
    select '${HOLD}', partition, '0-0' from projection_checkpoints where projection = '${PROJECTION}';
  end $$`

/** Removes the tables of the rebuild that is under way, and ends it. */
export const abandonScript = `do $$
  declare
    each_table text;
  begin
    update read_model_rebuilds set state = 'abandoned', held_until = null, ended_at = now() where ended_at is null;
    ${dropAll}
    delete from projection_checkpoints where projection = '${HOLD}';
    update projection_checkpoints set held_until = null where projection = '${PROJECTION}' and held_until is not null;
  end $$`

/**
 * Puts the new tables in the place of the live ones, with their checkpoints. Nobody reads or writes meanwhile: who comes to the
 * tables waits, and then finds the new ones under the old names. The lock on tables comes first: a projector that waits for a
 * checkpoint has its locks on tables already.
 */
export const switchScript = (held: Held, waitMs: number, notCompared: ReadonlyArray<number>): string => `do $$
  declare
    each_table text;
  begin
    perform set_config('lock_timeout', '${Math.trunc(waitMs)}', true);
    ${requireHeld(held, "following")}
    lock table ${REBUILT}.projection_checkpoints in access exclusive mode;
    foreach each_table in array ${lockedTables} loop
      execute format('lock table public.%I, ${REBUILT}.%I in access exclusive mode', each_table, each_table);
    end loop;
    perform from public.projection_checkpoints where projection = '${PROJECTION}' order by partition for update;
    if exists (
      select from public.projection_checkpoints as ahead
      left join ${REBUILT}.projection_checkpoints as own using (projection, partition)
      where projection = '${PROJECTION}' and partition <> all (array[${notCompared.map(Math.trunc).join(", ")}]::int[])
        and string_to_array(ahead.position, '-')::numeric[] > string_to_array(coalesce(own.position, '0-0'), '-')::numeric[]
    ) then raise exception using errcode = '${OUTCOMES.behind}', message = 'the live tables are further'; end if;
    if exists (
      with both_tables as (
        select own.name, place, format('%I.%I', place, own.name)::regclass as oid
        from unnest(${tables}) as own (name), unnest(array['public', '${REBUILT}']) as place
      ), parts as (
        select name, attname::text as part, atttypid as kind from both_tables
        join pg_attribute on attrelid = both_tables.oid where attnum > 0 and not attisdropped
        union all
        select name, relname::text, 0 from both_tables
        join pg_index on indrelid = both_tables.oid join pg_class on pg_class.oid = indexrelid
      )
      select from parts group by name, part, kind having count(*) <> 2
    ) then raise exception using errcode = '${OUTCOMES.changed}', message = 'the live tables have changed'; end if;
    insert into public.projection_checkpoints (projection, partition, position, head, head_position)
    select projection, partition, position, head, head_position from ${REBUILT}.projection_checkpoints
    where projection = '${PROJECTION}'
    on conflict (projection, partition) do update set
      position = excluded.position, head = excluded.head, head_position = excluded.head_position,
      held_until = null, moved_at = now();
    foreach each_table in array ${tables} loop
      execute format('drop table public.%I', each_table);
      execute format('alter table ${REBUILT}.%I set schema public', each_table);
    end loop;
    drop table ${REBUILT}.projection_checkpoints, ${REBUILT}.listed_batches;
    delete from projection_checkpoints where projection = '${HOLD}';
    update read_model_rebuilds set state = 'switched', held_until = null, ended_at = now() where id = ${Math.trunc(held.rebuild)};
  end $$`

/** Gives the indexes that the live tables have and the new ones lack, keys first, each with the statement that makes it. */
export const lackingIndexes = `
  select live.relname::text as name,
    case when own.oid is null
      then replace(pg_get_indexdef(live.oid), format(' ON public.%I ', each.name), format(' ON ${REBUILT}.%I ', each.name))
      else format('alter table ${REBUILT}.%I add constraint %I %s', each.name, own.conname, pg_get_constraintdef(own.oid))
    end as statement
  from unnest(${tables}) with ordinality as each (name, place)
  join pg_index on indrelid = format('public.%I', each.name)::regclass
  join pg_class as live on live.oid = indexrelid
  left join pg_constraint as own on own.conindid = live.oid and own.contype in ('p', 'u')
  where to_regclass(format('${REBUILT}.%I', live.relname)) is null
  order by own.oid is null, each.place, live.relname`
