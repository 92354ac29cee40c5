-- How far each follower of the log has come, per partition. Whatever follows the log is a projection of it, the
-- publisher too. A position is the id of the last feed entry that was handled; '0-0' is the beginning.
create table projection_checkpoints (
  projection text not null,
  partition integer not null,
  position text not null default '0-0',
  moved_at timestamptz not null default now(),
  primary key (projection, partition)
);
