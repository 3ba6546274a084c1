"""What every domain needs: calls, ids, pages, counts, idempotency and the bounds of JSON."""
