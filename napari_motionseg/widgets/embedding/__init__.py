"""The Embedding dock: explore a network's embedding, or pretrain one from motion."""
