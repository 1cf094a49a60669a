"""The wire between the daemon and its processes: orders down, reports up, JSON lines."""
