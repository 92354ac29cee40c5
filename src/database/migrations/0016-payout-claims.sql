-- Works from 0015 on.
-- What intake claims before it opens a batch, for partners whose duplicates are looked for: one claim for each request.
create table payout_claims (
  claim uuid primary key,
  partner text not null,
  batch text not null,
  -- The keyed digest of the request body: a batch that was opened with another body is not what was claimed.
  request text not null,
  claimed_at timestamptz not null,
  -- A day after the partner's policy looks at it last, by the policy of the request. A later setting does not shorten it.
  kept_until timestamptz not null,
  -- Noted after the batch was opened. Where it is missing, the batch's log says whether it was.
  opened boolean not null default false
);

create index payout_claims_kept on payout_claims (kept_until);

-- Keyed digests of account, currency, amount and a text of each item; nobody can read an account from one. They are written
-- with their claim, many at a time: a foreign key would be looked up for each.
create table payout_fingerprints (
  fingerprint bytea not null,
  claim uuid not null,
  item int not null,
  primary key (fingerprint, claim, item)
);

create index payout_fingerprints_claim on payout_fingerprints (claim);

-- The duplicates that were found when a batch was accepted: {"count": 1, "items": [{"item": 1, "duplicateOf": {…}}]}.
alter table payout_batches add column duplicates jsonb;
