"""Surveys: both sides of a mapping read once through, and what is found by comparing them (match, verify, dry run)."""
