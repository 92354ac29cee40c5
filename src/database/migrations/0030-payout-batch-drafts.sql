-- Works from 0015 on.
-- Batches that partners still put together. What is paid is in the log of a batch, and never here.
create table payout_batch_drafts (
  id text primary key,
  partner text not null,
  -- As they were asked for: {"reference": "week 12", "executeAt": "2027-01-08T09:00:00Z"}.
  terms jsonb not null,
  -- Grows with each change of terms or items. A submission names it.
  version int not null,
  -- Nothing changes in a draft that is being submitted. One that was submitted has become a batch.
  state text not null check (state in ('open', 'submitting', 'submitted')),
  item_count int not null,
  items_bytes int not null,
  next_page int not null,
  next_item int not null,
  -- Submissions that may still open the batch: [{"id": "…", "openBy": <epoch milliseconds by the clock of the log>}].
  attempts jsonb not null,
  batch text,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  expires_at timestamptz not null
);

create index payout_batch_drafts_of_partner on payout_batch_drafts (partner, created_at, id);
create index payout_batch_drafts_expiring on payout_batch_drafts (expires_at);

-- Every page that was ever added to a draft, also if its items were removed: a repeated request finds it by its key.
create table payout_batch_draft_pages (
  draft text not null,
  page int not null,
  idempotency_key text not null,
  -- The keyed digest of the request.
  request text not null,
  -- The version of the draft that the page made.
  version int not null,
  first_item int not null,
  item_count int not null,
  primary key (draft, page),
  unique (draft, idempotency_key)
);

-- The items of pages by hundreds, sealed whole under the partner's key: "<key id>.<base64url>".
create table payout_batch_draft_items (
  draft text not null,
  first_item int not null,
  page int not null,
  item_count int not null,
  bytes int not null,
  items text not null,
  primary key (draft, first_item)
);
