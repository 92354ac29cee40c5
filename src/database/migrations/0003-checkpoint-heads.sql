-- What was at a checkpoint's position: the hash with which the append ends that the feed tells of there. It counts only
-- while `head_position` is the position: an earlier release moves checkpoints without it.
alter table projection_checkpoints add column head text, add column head_position text;
