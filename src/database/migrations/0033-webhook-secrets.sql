-- Works from 0014 on.
-- While a secret is replaced, the endpoint has a second one: both sign until it expires. The same holds for the key of an
-- endpoint that also gets asymmetric signatures (Ed25519). All are sealed like the first. Earlier releases read `secret` alone.
alter table webhook_endpoints
  add column previous_secret text,
  add column previous_secret_until timestamptz,
  add column signing_key text,
  add column previous_signing_key text,
  add column previous_signing_key_until timestamptz,
  add constraint previous_secret_expires check ((previous_secret is null) = (previous_secret_until is null)),
  add constraint previous_signing_key_expires check (
    (previous_signing_key is null) = (previous_signing_key_until is null)
    and (previous_signing_key is null or signing_key is not null));
