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
create index archived_logs_being_unlinked on archived_logs (partition) where unlinked_at is null and unlinking;
create index archived_logs_unlinked on archived_logs (partition) where unlinked_at is not null;
create index archived_logs_reserved on archived_logs (reserved_name) where reserved_name is not null;
create index archived_logs_in_partition on archived_logs (partition, batch);

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
