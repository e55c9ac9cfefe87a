"""Every reader of files against damaged and hostile input: ``python -m tests.fuzz --inputs 100000``."""
