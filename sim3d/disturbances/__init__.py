"""What stands between robot, peers and plant: sensing, actuation, link and dynamics, each with its law and its chance."""
