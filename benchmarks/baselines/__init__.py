"""The stages as one would write them from the method's description: dense and plain.

Nothing of dmssn is in here but the names of its weights, so that a faster dmssn does not make a
faster baseline.
"""
