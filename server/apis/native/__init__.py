"""The native API: what internal services call with generated stubs."""
