"""What a job will take of a machine, from first principles: bytes and seconds, with error bars."""
