"""Every stage of dmssn timed beside a plain implementation of it: ``python -m benchmarks``.

Both sides of a comparison run in one process, in turns, from the same inputs and under the same
allocator, and what they computed is compared before their times are. ``docs/performance.md`` is
made from the results.
"""
