"""How a robot answers set-points, measured through its driver, and the planar model of it: `fieldswarm characterise`."""
