"""Files of text that grow durably: plain, compressed, in a store."""
