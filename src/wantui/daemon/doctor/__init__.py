"""The doctor: a check is a function from readings to findings, and changes nothing.

Each module is one noun: what reads it, and what is found in the reading. `resident` composes them
inside a daemon, `visiting` where none runs.
"""
