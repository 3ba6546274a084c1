"""The Agent Orchestration API, on the orchestra port below /v1."""
