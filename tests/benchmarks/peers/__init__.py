"""fieldswarm against VMAS, JaxMARL, BenchMARL, and mpe2 with SuperSuit, on this machine: env steps a second, and time to a trained team."""
