"""Kafka, kept once for the bus and the source: connection, topics, writing, reading, and aiokafka's surprises tamed.

Nothing here is imported before somebody uses Kafka; aiokafka itself is imported inside what needs it.
"""
