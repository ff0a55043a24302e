"""The questions: one module is one question and one table; `python -m studies.<question>` answers it."""
