"""Docks of the napari window.

A dock collects settings, starts a job and shows the result in layers. All computation
is done by the other packages of `napari_motionseg`, which do not use a window.
"""
