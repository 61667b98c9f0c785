"""Revisions, in order of their number; one that was released is never edited."""
