"""Recorded missions as pictures, by PyBullet's software renderer: camera, floor, robots, words."""
