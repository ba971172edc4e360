"""Writing cubes: one module a format, all from blocks of rows as they come."""
