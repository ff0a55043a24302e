"""Path lengths of a network's gradient: exact spectrum and Monte Carlo."""
