"""What sources share beside their contract: checking signatures, looking into bodies, the normalised shape of Git.

`signatures` compares in constant time, `payload` reads JSON of strangers without trusting it, `git` is the one shape
that all code hosts give their events. Built-in sources and plugins use the same lines.
"""
