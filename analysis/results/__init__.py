"""Results that studies left on disk, read back."""
