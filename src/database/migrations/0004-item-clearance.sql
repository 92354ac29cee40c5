-- What the compliance engine said: {"decision": "approved", "listVersion": "…", "payee": "match"}.
-- Items that were screened before this column was there have it once they change again.
alter table payout_items add column clearance jsonb;
