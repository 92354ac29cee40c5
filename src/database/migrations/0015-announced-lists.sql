-- Versions of the compliance engine's lists, and when each was first announced.
create table announced_lists (
  version text collate "C" primary key,
  -- Milliseconds since the epoch.
  since bigint not null
);

create index announced_lists_since_idx on announced_lists (since);
