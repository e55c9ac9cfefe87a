"""What becomes of results when a run is killed, the disk is full, or somebody else writes at the same time."""
