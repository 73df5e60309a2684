"""The store port: remembers every attempt; the one source of truth."""

from sweep.store.port import Store, StoreError

__all__ = ["Store", "StoreError"]
