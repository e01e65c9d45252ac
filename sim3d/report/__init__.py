"""The report of an evaluation: one HTML file with everything in it, made of the folder of results."""
