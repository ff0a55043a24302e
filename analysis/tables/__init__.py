"""Tables of arms as text."""
