"""Volumes and durable file operations; every file system call on a volume happens here."""
