"""Projects: what people and agents do together, who takes part, and what they may do there."""
