-- Works from 0014 on.
-- A Merkle tree of the heads of closed batches, which only grows (RFC 9162, section 2). See docs/PROOFS.md.
-- How many leaves the tree has, and who enters the next ones: a single row, so that writers take turns at it.
-- The first writer makes it. `published` is the number of the last root that all places have: later ones are shown to nobody.
create table proof_tree (
  id int primary key default 1 check (id = 1),
  size bigint not null,
  published bigint not null default 0,
  holder text,
  held_until timestamptz
);

-- Positions begin with 0 and have no gaps. `events_root` is the root of the tree of the batch's events up to that version.
create table proof_leaves (
  position bigint primary key,
  batch text collate "C" not null,
  version int not null,
  head text not null,
  events_root bytea not null,
  entered_at timestamptz not null default now()
);
create unique index proof_leaves_of_batch on proof_leaves (batch, version);

-- Hashes of complete subtrees: that of the leaves from position * 2^level on. Those of level 0 are the hashes of the leaves.
create table proof_nodes (
  level int not null,
  position bigint not null,
  hash bytea not null,
  primary key (level, position)
);

-- Heads of closed batches that are not entered, because the log has another hash there. They are looked at again later.
create table proof_refusals (
  batch text collate "C" primary key,
  version int not null,
  reason text not null,
  times int not null default 1,
  retry_at timestamptz not null
);

-- Roots that were signed, numbered from 1 without gaps. `note` is what is published: a signed checkpoint as text.
create table proof_roots (
  number bigint primary key,
  origin text not null,
  size bigint not null,
  root bytea not null,
  signed_at timestamptz not null,
  key_id text not null,
  note text not null
);

-- The public keys of all roots, also of those that were replaced.
create table proof_keys (
  key_id text primary key,
  public_key text not null,
  first_used_at timestamptz not null default now()
);

-- What was entered and signed is never changed.
create function refuse_change_of_proof() returns trigger language plpgsql as $$
begin
  raise exception 'the proof tree only grows: %', tg_op;
end $$;
create trigger proof_leaves_stay before update or delete on proof_leaves
  for each row execute function refuse_change_of_proof();
create trigger proof_nodes_stay before update or delete on proof_nodes
  for each row execute function refuse_change_of_proof();
create trigger proof_roots_stay before update or delete on proof_roots
  for each row execute function refuse_change_of_proof();
create trigger proof_leaves_are_not_truncated before truncate on proof_leaves
  execute function refuse_change_of_proof();
create trigger proof_nodes_are_not_truncated before truncate on proof_nodes
  execute function refuse_change_of_proof();
create trigger proof_roots_are_not_truncated before truncate on proof_roots
  execute function refuse_change_of_proof();
