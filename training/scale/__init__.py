"""How an entity actor does in teams of more and more robots, and what they cost."""
