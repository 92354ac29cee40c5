-- Whose order it is: its details are sealed under that partner's key, and gone with it. Older orders have none.
alter table file_orders add column partner text collate "C";

-- How often orders were taken out of a file that was not complete yet: a draft from before that is not the file.
alter table bank_files add column taken_out int not null default 0;
