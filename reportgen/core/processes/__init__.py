"""Work on several processors: processes on this machine, and Ray clusters."""
