-- The second record of attempts to pay, which is written before a bank is called.
create table instruction_register (
  batch text collate "C" not null,
  item int not null,
  attempt int not null,
  bank text not null,
  recorded_at timestamptz not null default now(),
  primary key (batch, item, attempt)
);

-- How far the log of a batch had come when something of it was recorded here.
create table instruction_tails (
  batch text collate "C" primary key,
  version int not null,
  head text not null
);
