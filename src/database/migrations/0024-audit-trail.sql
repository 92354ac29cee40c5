-- Works from 0015 on.
-- What administrators did, in the order in which it was done. Entries are only added.
create table audit_trail (
  sequence bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  -- A credential, or a person at the command line.
  who text not null,
  -- Where the request came from.
  address text,
  act text not null,
  subject text not null,
  -- What was before, and after. Without secrets.
  before jsonb,
  after jsonb
);

create index audit_trail_of_a_subject on audit_trail (subject, sequence);

create function audit_trail_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit trail is append-only' using errcode = 'restrict_violation';
end
$$;

create trigger audit_trail_keeps_its_entries before update or delete or truncate on audit_trail
  for each statement execute function audit_trail_is_append_only();
