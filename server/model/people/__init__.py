"""Tables of people: who they are, how they log in, and what they are told."""
