"""Door 3: contract suites, the scenario runner and the virtual world."""
