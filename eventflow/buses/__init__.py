"""A shelf: the ordered durable logs of events. One bus per file, strangers to each other."""
