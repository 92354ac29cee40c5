-- Works from 0014 on.
-- Batches that are closed: the projector writes each in the statement that shows it. They are what the archive and the proof tree
-- take up. A batch that goes on after it closed (a late return) comes again with a later version.
create table closed_batches (
  batch text collate "C" primary key,
  partition int not null,
  version int not null,
  -- The hash of the log at that version.
  head text not null,
  closed_at timestamptz not null,
  -- The versions up to which the log is archived, and of which the head is in the proof tree.
  -- What is archived was verified there up to this version.
  archived_version int not null default 0,
  entered_version int not null default 0,
  -- From when on the wait before it is archived counts: the last change, or later if an archiver has it or it could not be archived.
  archive_at timestamptz not null default now(),
  -- How often in a row its log could not be archived.
  archive_failures int not null default 0
) with (fillfactor = 80);

create index closed_batches_to_archive on closed_batches (archive_at, batch) where archived_version < version;
create index closed_batches_to_enter on closed_batches (closed_at, batch) where entered_version < version;

-- A batch that goes on is left alone for as long as one that has just closed: much may come back together.
create function archive_later() returns trigger language plpgsql as $$
begin
  new.archive_at := now();
  new.archive_failures := 0;
  return new;
end $$;
create trigger closed_batches_go_on before update on closed_batches
  for each row when (new.version > old.version) execute function archive_later();

-- Logs of closed batches, complete up to `version`.
create table archived_logs (
  batch text collate "C" primary key,
  partition int not null,
  version int not null,
  head text not null,
  closed_at timestamptz not null,
  archived_at timestamptz not null default now(),
  -- When the log was unlinked from Redis; nothing while it is there.
  unlinked_at timestamptz,
  -- The name that the batch's key in quotes has reserved, if it did (see `reserve` of the event store).
  reserved_name text collate "C",
  -- From when on the wait before it is unlinked counts, as `archive_at` above.
  unlink_at timestamptz not null default now(),
  -- That it was about to be unlinked. Redis may have done it although nothing says so here.
  unlinking boolean not null default false
);

create index archived_logs_to_unlink on archived_logs (unlink_at, batch) where unlinked_at is null;
create index archived_logs_reserved on archived_logs (reserved_name) where reserved_name is not null;

-- How many logs of each partition were unlinked, and how many are about to be. Counted as they change, in the statement that changes them:
-- every worker asks each minute before it pays, and the archive only grows.
create table archive_counts (
  partition int primary key,
  unlinked bigint not null,
  unlinking bigint not null
) with (fillfactor = 50);

create function count_unlinked() returns trigger language plpgsql as $$
declare changes archive_counts[] := '{}';
begin
  if tg_op <> 'DELETE' then
    changes := changes || array(
      select row(partition, (unlinked_at is not null)::int, (unlinked_at is null and unlinking)::int)::archive_counts from is_now
    );
  end if;
  if tg_op <> 'INSERT' then
    changes := changes || array(
      select row(partition, -(unlinked_at is not null)::int, -(unlinked_at is null and unlinking)::int)::archive_counts from was
    );
  end if;
  insert into archive_counts as counts (partition, unlinked, unlinking)
  select partition, sum(unlinked), sum(unlinking) from unnest(changes) group by partition
  having sum(unlinked) <> 0 or sum(unlinking) <> 0
  -- In the same order everywhere, so that no two statements wait for each other.
  order by partition
  on conflict (partition) do update set
    unlinked = counts.unlinked + excluded.unlinked, unlinking = counts.unlinking + excluded.unlinking;
  return null;
end $$;
create trigger archived_logs_are_counted after insert on archived_logs referencing new table as is_now
  for each statement execute function count_unlinked();
create trigger archived_logs_are_counted_again after update on archived_logs referencing new table as is_now old table as was
  for each statement execute function count_unlinked();
create trigger archived_logs_that_go_are_not_counted after delete on archived_logs referencing old table as was
  for each statement execute function count_unlinked();

create function forget_counts() returns trigger language plpgsql as $$
begin
  delete from archive_counts;
  return null;
end $$;
create trigger archived_logs_that_are_truncated_are_not_counted after truncate on archived_logs
  execute function forget_counts();

-- The events of archived logs, without gaps: those after version `after` up to `version`. `base` is the hash that the first one
-- follows, `head` that of the last one. `events` has them as the log does, a line for the text and one for the hash, compressed.
create table archived_chunks (
  batch text collate "C" not null,
  after int not null,
  version int not null,
  base text not null,
  head text not null,
  codec text not null,
  events bytea not null,
  primary key (batch, after)
);

-- What is archived is never changed.
create function refuse_change_of_archive() returns trigger language plpgsql as $$
begin
  raise exception 'archived events are not changed: %', tg_op;
end $$;
create trigger archived_chunks_stay before update or delete on archived_chunks
  for each row execute function refuse_change_of_archive();
create trigger archived_chunks_are_not_truncated before truncate on archived_chunks
  execute function refuse_change_of_archive();

alter table payout_batches add column head text;
