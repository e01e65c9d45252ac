"""Why a team fails: which robot failed first, and what each robot contributes: `fieldswarm explain`."""
