"""People: users, how they come to an organization, their pictures, and the keys that they make."""
