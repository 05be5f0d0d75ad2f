"""What happened, and what the programs say."""
