"""Theory of connectivity, in closed forms: what networks of a kind have by construction, without building one."""
