"""Parts of `scripts/fuzz_readers.py`: valid inputs, damage to them, and readers."""
