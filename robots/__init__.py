"""What a robot is: its limits, model and sensors, and the driver that moves it."""
