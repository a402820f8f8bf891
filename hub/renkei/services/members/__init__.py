"""Members: who they are, what they have, what they did beside buying."""
