-- Works from 0015 on.
-- Partners, and the keys of partners and operators. What takes access away is marked in Redis as well.
create table partners (
  -- The name in credentials, logs and topics: acme.
  id text collate "C" primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- For people.
  name text not null,
  state text not null default 'active' check (state in ('active', 'suspended')),
  -- When the state was set, in milliseconds since 1970. Each change has a later one: in Redis the latest counts.
  changed_ms bigint not null,
  created_at timestamptz not null default now(),
  created_by text not null
);

create table api_keys (
  id text collate "C" primary key check (id ~ '^[a-z]{16}$'),
  owner text not null check (owner in ('partner', 'operator')),
  partner text collate "C" references partners,
  -- Makes the credential: partner:acme/payroll, operator:alice. A key and its successor have the same one.
  name text collate "C" not null,
  -- HMAC-SHA-256 under a key of the vault, whose id comes before the dot. The key itself is stored nowhere.
  hash text not null,
  -- Scopes of a partner's key, acts of an operator's.
  scopes text[] not null,
  -- In CIDR notation. Empty: from everywhere.
  networks text[] not null default '{}',
  created_at timestamptz not null default now(),
  created_by text not null,
  expires_at timestamptz,
  -- The end of the overlap with the successor.
  ends_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  -- A key has one successor.
  replaces text collate "C" unique references api_keys,
  check ((owner = 'partner') = (partner is not null))
);

create index api_keys_of_an_owner on api_keys (partner, name);
create index api_keys_that_ended on api_keys (least(ends_at, revoked_at)) where least(ends_at, revoked_at) is not null;
