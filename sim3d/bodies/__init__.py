"""What a robot kind is to the physics: a body that follows set-points."""
