"""The command line: one file a verb family. Standard out is data, standard error narration."""
