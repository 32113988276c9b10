"""How the bytes of an input are opened: its kind by its first bytes, compression, encoding."""
