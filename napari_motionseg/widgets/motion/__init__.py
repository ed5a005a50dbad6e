"""The Motion dock: the optical flow of a loop, estimated, shown and saved."""
