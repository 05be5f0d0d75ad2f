"""Proof that footage which left this installation was not changed since: keys, bundles, their check."""
