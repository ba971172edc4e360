"""The networks: teacher, student, the MSST and the detector made of them."""
