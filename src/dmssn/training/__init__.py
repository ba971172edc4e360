"""The two stages of training: loop, loss terms, validation, resume files."""
