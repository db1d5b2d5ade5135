"""From what servers answered to what has changed: figures by window, and drift against a reference."""
