-- The host of the URL as it is connected to: what hangs there has one share, whosever endpoints it serves.
alter table webhook_endpoints add column host text;
