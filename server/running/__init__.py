"""How servers are run: by `orchestrator up`, which forks and keeps them, or one alone."""
