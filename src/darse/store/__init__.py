"""The memory of every study: trials, findings, events and artifacts."""
