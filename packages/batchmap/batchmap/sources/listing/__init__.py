"""Which files and objects an input names: paths, patterns, directories, stores."""
