-- Works from 0015 on.
-- What new batches of a partner are held to, where that differs from the settings of the service. Only what is set is in it.
alter table partners add column settings jsonb not null default '{}';

-- When the settings were changed, in milliseconds since 1970; 0: never. Each change has a later one, and is marked in Redis by it.
alter table partners add column settings_ms bigint not null default 0;

create index partners_with_settings on partners (settings_ms) where settings_ms > 0;
