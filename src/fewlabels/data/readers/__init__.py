"""Readers: one opens a kind of file, another understands what is in it: the meaning of a value depends on no file."""
