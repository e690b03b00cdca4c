"""eventflow turns events into action.

The door for embedding: what is named here is public, what lies behind it may change freely.
"""

__version__ = "0.1.0"
