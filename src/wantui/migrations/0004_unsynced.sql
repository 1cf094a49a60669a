-- A verdict on a file that was just written may outlive the file's content: until the content is
-- known to be on the disk, the verdict counts for the kernel that has it in memory, and no other.
ALTER TABLE verdicts ADD COLUMN unsynced TEXT;
ALTER TABLE verdicts ADD COLUMN boot TEXT;
