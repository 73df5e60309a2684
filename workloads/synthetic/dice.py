"""Random integers that are the same on every machine and in every NumPy release."""

import numpy as np

Quantiles = tuple[tuple[int, int], ...]
"""(ppm, value) points of an inverse distribution function, from ppm 0 to 1,000,000."""

EXPONENTIAL: Quantiles = (
    (0, 0),
    (100_000, 105),
    (200_000, 223),
    (300_000, 357),
    (400_000, 511),
    (500_000, 693),
    (600_000, 916),
    (700_000, 1_204),
    (800_000, 1_609),
    (900_000, 2_303),
    (950_000, 2_996),
    (990_000, 4_605),
    (999_000, 6_908),
    (1_000_000, 10_000),
)
"""-1000 ln(1 - p), cut at 10 means: the gaps of a Poisson process, in 1/1000 of the mean gap."""


class Dice:
    """Draws from the raw 64-bit stream of PCG64, which NumPy keeps stable, by integer arithmetic."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)
        self._ahead: list[int] = []

    def below(self, bound: int) -> int:
        """0 .. bound - 1, uniform to within bound / 2**64."""
        if not self._ahead:
            self._ahead = self._bits.random_raw(1024).tolist()
        return self._ahead.pop() * bound >> 64

    def between(self, low: int, high: int) -> int:
        """low .. high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, ppm: int) -> bool:
        """True in `ppm` of a million draws."""
        return self.below(1_000_000) < ppm

    def draw(self, quantiles: Quantiles) -> int:
        """A value of the distribution, linear between its points."""
        ppm = self.below(1_000_000)
        at = next(i for i in range(1, len(quantiles)) if ppm < quantiles[i][0])
        (p0, v0), (p1, v1) = quantiles[at - 1], quantiles[at]
        return v0 + (v1 - v0) * (ppm - p0) // (p1 - p0)

    def gap(self, mean: int) -> int:
        """A gap of a Poisson process with that mean, at least 1."""
        return max(self.draw(EXPONENTIAL) * mean // 1000, 1)
