"""The ground all rooms stand on: errors, settings, files, processes, provenance. Knows nothing of the other rooms."""
