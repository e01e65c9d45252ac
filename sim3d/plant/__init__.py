"""A world served to drivers over ZeroMQ, one endpoint a robot: `fieldswarm plant`."""
