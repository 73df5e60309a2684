"""The native benchmark: the same policies in user space, on real CPUs with real RCU (src/)."""
