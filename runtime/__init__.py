"""What runs on a robot: actor, observation, peers, safety, loop and log."""
