-- Orders of banks that are spoken to in files, the files that they go out in, and what came back.

-- Which folder a bank's files lie in, by the id that is written there.
create table bank_folders (
  bank text collate "C" primary key,
  folder text not null
);

create table bank_files (
  id bigint generated always as identity primary key,
  bank text collate "C" not null,
  scheme text not null,
  currency text not null,
  -- The day of execution, "YYYY-MM-DD", and the number of the file among those of the day.
  day text not null,
  -- A message id has at most 35 characters.
  sequence int not null check (sequence < 10000),
  message_id text not null
    generated always as (currency || '-' || scheme || '-' || day || '-' || sequence) stored,
  made_at timestamptz not null,
  -- The name under which it lies complete in the outbox, where nobody takes it yet. Set once.
  staged_as text,
  written_at timestamptz,
  unique (bank, scheme, currency, day, sequence)
);

create unique index bank_files_by_message on bank_files (bank, message_id);
create index bank_files_unwritten on bank_files (bank, id) where written_at is null;

create table file_orders (
  bank text collate "C" not null,
  reference text collate "C" not null,
  number bigint not null generated always as identity unique,
  -- A keyed hash of all that was ordered: the same reference is the same order.
  fingerprint text not null,
  scheme text not null,
  currency text not null,
  minor numeric(18) not null,
  accepted_at timestamptz not null,
  -- When it has to be in a file at the latest.
  due_at timestamptz not null,
  -- Name, account and remittance, until they are in a file.
  sealed text,
  file bigint references bank_files,
  state text not null default 'accepted' check (state in ('accepted', 'failed', 'settled', 'returned')),
  code text,
  primary key (bank, reference)
);

create index file_orders_waiting on file_orders (bank, scheme, currency, number)
  where file is null and state = 'accepted';
create index file_orders_by_file on file_orders (file);

-- Files that were read to their end, by the SHA-256 of their content.
create table bank_inbox (
  bank text collate "C" not null,
  digest text not null,
  name text not null,
  read_at timestamptz not null default now(),
  primary key (bank, digest)
);

-- What banks told and nobody could act on.
create table bank_oddities (
  bank text collate "C" not null,
  digest text not null,
  reference text not null,
  reason text not null,
  seen_at timestamptz not null default now(),
  primary key (bank, digest, reference, reason)
);
