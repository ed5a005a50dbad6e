"""Pretrain a pixel embedding from how loops move, without any label."""
