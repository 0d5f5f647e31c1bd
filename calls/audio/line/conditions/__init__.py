"""One condition a file, found by `calls.audio.line.registry`."""
