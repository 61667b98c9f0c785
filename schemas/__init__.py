"""The words: pure data and pure conversion. No I/O; imports nothing of ours."""
