"""From adapters and requests to answers: scoring over HTTP, with labels that say which adapter answers."""
