-- Works from 0015 on.
-- Operators who were signed out: tokens of an issuer that were issued before do not work. Kept until no token can be as old.
create table sign_outs (
  operator text primary key,
  at_ms bigint not null,
  signed_out_by text not null
);
