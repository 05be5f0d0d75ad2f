"""Decisions: pure functions of ``(state, event, now)``. No input, no output, no clock of their own."""
