#!/usr/bin/env bash
# Validators of others for the tests of DICOM objects: DCMTK and dicom3tools, unpacked
# from Debian's packages into .dicom-tools. Nothing is installed, and nothing fails:
# where they cannot be had, the tests that need them are skipped by name.
set -uo pipefail
cd "$(dirname "$0")/.."
folder=.dicom-tools

have() { command -v "$1" >/dev/null || [ -x "$folder/usr/bin/$1" ]; }
have dciodvfy && have dcmdump && exit 0
for tool in apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null || { echo "DICOM validators: no $tool here, so they are left out"; exit 0; }
done

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
if [ -z "$(apt-cache policy dicom3tools 2>/dev/null)" ] && [ "$(id -u)" = 0 ]; then
  apt-get update -qq </dev/null >/dev/null 2>&1
fi
# the version of the library stands in its name
library=$(apt-cache depends dcmtk 2>/dev/null | grep -om1 'libdcmtk[0-9a-z]*')
if ! (cd "$room" && apt-get download -qq dcmtk dicom3tools ${library:+"$library"} </dev/null) >/dev/null 2>&1; then
  echo "DICOM validators: the packages cannot be downloaded, so they are left out"
  exit 0
fi
for package in "$room"/*.deb; do dpkg -x "$package" "$room/tools" || exit 0; done
rm -rf "$folder" && mv "$room/tools" "$folder" && echo "DICOM validators: unpacked into $folder"
exit 0
