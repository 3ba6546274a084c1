"""Full text: passages found by their terms, in the words of SQLite's FTS5 and of PostgreSQL's tsvector."""
