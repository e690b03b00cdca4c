"""Shows; what a person decides there becomes an event like any other."""
