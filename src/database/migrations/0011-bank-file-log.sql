-- Which place each file has in the log of its bank's files, which lies in another store. A file that has none is not
-- released; a place that the log has and that is not here is restored from there.
create table bank_file_log (
  bank text collate "C" not null,
  version int not null,
  head text not null,
  file bigint not null unique references bank_files,
  primary key (bank, version)
);
