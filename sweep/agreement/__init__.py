"""Holds the simulator to a machine: how well it predicts, per metric, and where it is wrong."""
