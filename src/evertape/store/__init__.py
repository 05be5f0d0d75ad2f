"""Index and ledger; the only room that imports the SQL library. A cache: the files and the journal are the truth."""
