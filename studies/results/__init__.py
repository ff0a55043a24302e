"""What a study writes at its end."""
