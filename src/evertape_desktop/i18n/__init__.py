"""The words in other languages; made by Qt Linguist (docs/design/desktop.md)."""
