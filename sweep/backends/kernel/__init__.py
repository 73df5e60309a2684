"""Backend kernel: the policies inside a real Linux kernel, in a guest of QEMU."""
