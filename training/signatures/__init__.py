"""Known ways in which a team fails to learn, recognised while it trains."""
