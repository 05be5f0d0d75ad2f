"""Accounts, sessions, tokens, roles and rate limits: who is asking, and whether he may."""
