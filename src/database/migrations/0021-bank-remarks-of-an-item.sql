-- Works from 0015 on.
-- Items are shown with what banks reported of their attempts, whichever banks these went to.
create index bank_remarks_of_an_item on bank_remarks (reference);
