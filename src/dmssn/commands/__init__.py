"""One file a command; heavy modules are imported inside the command that needs them."""
