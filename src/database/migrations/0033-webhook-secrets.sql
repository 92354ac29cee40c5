-- Works from 0014 on.
-- While a secret is replaced, the endpoint has a second one: both sign until it expires. Sealed like the first.
alter table webhook_endpoints
  add column previous_secret text,
  add column previous_secret_until timestamptz,
  -- What signs beside the secrets: null, or `ed25519`.
  add column signature text check (signature in ('ed25519'));
