"""Docks of the napari window.

Thin: a dock collects settings, starts a job, shows layers. Whatever computes is below,
in packages that know no screen.
"""
