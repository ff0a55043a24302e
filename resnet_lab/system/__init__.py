"""What is asked of the operating system: files, cache, SQLite, hardware, Ctrl-C, command lines. Knows no network."""
