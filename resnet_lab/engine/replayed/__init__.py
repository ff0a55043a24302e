"""Parts of a captured step that an eager one does without: block decisions, weight casts, dropout of its own."""
