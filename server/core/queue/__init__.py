"""The queue: from the creation of a task through claims and leases to its end."""
