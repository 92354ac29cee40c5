-- Works from 0015 on.
-- What a partner's contract lets it decide about its own batches, and what is otherwise left to operators: review, resolve.
alter table partners add column operates text[] not null default '{}';

-- The name of who acted, as an issuer of sign-ins gives it: a note for people. `who` is what counts.
alter table audit_trail add column name text;
