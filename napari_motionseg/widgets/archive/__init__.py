"""Search a DICOMweb archive in the window, and open its loops."""
