"""The reliability tests of the store, each a function from a folder and counts to a result.

    run.py      one scenario by its id, in the short or the long form, as a command
    command.py  the short form from a test
    forks.py    child processes, and how they ended
    kill.py     R3   killed at every durable step
    damage.py   R6   cut at each of the last 4096 bytes; R13  bit flips and cuts
    disk.py     R7   disk full; R8  read-only, forbidden and missing folders
    schemas.py  R12  released schemas and a newer one
    crowd.py    R9   writers and readers; R10  claims; R11  stale workers

The tests under tests/crash run the short form, benchmarks/store_reliability.py the long one. Scenarios fork,
so they run in a process of their own that has no threads.
"""
