"""Parameter sweeps over ways to batch frees that wait for an RCU grace period."""
