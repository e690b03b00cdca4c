"""A detector type and an action that come from another project than eventflow."""
