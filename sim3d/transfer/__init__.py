"""Bundles through the worlds that their robots live in: `fieldswarm transfer`."""
