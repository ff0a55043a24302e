"""Statistics: functions of numbers, which know no trials and no tables."""
