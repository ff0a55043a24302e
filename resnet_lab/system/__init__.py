"""Files, cache, SQLite, hardware, Ctrl-C and command lines: knows no network and no trial."""
