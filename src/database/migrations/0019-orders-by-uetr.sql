-- Works from 0015 on.
-- Orders by the end of their references, which is what a UETR has of one (uetr.ts): reports may name an order by its UETR alone.
create index file_orders_by_reference_end on file_orders (bank, substr(reference, 3));
