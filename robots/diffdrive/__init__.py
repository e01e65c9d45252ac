"""Kind `diffdrive`: a TurtleBot3 Burger."""
