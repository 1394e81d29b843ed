"""A game day: its steps one after the other, with approvals, checks, pages, and a record of who did what."""
