"""Door 2, the contracts: what things must do. Built-ins and plugin authors use the same lines."""
