"""``python -m napari_motionseg`` is the ``motionseg`` command."""

from napari_motionseg.cli import main

if __name__ == "__main__":
    main()
