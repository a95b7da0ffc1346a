"""All SQL that the program runs: functions whose first argument is a pool or a connection."""
