-- Works from 0014 on.
-- A Merkle tree of the heads of closed batches, which only grows (RFC 9162, section 2).
create table proof_leaves (
  position bigint primary key,
  batch text collate "C" not null,
  version int not null,
  head text not null,
  entered_at timestamptz not null default now()
);
create unique index proof_leaves_of_batch on proof_leaves (batch, version);

-- Hashes of complete subtrees: that of the leaves from position * 2^level on.
create table proof_nodes (
  level int not null,
  position bigint not null,
  hash bytea not null,
  primary key (level, position)
);

-- Roots that were signed.
create table proof_roots (
  size bigint primary key,
  root bytea not null,
  signed_at timestamptz not null,
  key_id text not null,
  signature bytea not null,
  published_at timestamptz
);
