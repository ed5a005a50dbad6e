#!/usr/bin/env bash
# Programs of others for the tests of DICOM objects: the validators DCMTK and dicom3tools,
# and the archive Orthanc with its DICOMweb plugin, unpacked from Debian's packages into
# .dicom-tools. Nothing is installed, no service starts, and nothing fails: where they
# cannot be had, the tests that need them are skipped by name.
set -uo pipefail
cd "$(dirname "$0")/.."
folder=.dicom-tools

have() { command -v "$1" >/dev/null || [ -x "$folder/usr/bin/$1" ] || [ -x "$folder/usr/sbin/$1" ]; }
have dciodvfy && have dcmdump && have Orthanc && exit 0
for tool in apt-get apt-cache dpkg; do
  command -v "$tool" >/dev/null || { echo "DICOM tools: no $tool here, so they are left out"; exit 0; }
done

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
if [ -z "$(apt-cache policy dicom3tools 2>/dev/null)" ] && [ "$(id -u)" = 0 ]; then
  apt-get update -qq </dev/null >/dev/null 2>&1
fi

# unpack PACKAGE...: with the libraries that they name, but those that every system has
unpack() {
  local libraries
  libraries=$(apt-cache depends "$@" 2>/dev/null | grep -oE 'Depends: lib[^ ]+' |
    sed 's/Depends: //' | grep -vE '^lib(c6|gcc-s1|stdc\+\+6)$' | sort -u)
  # shellcheck disable=SC2086 # one word each
  (cd "$room" && rm -f -- *.deb && apt-get download -qq "$@" $libraries </dev/null) >/dev/null 2>&1 ||
    { echo "DICOM tools: $* cannot be downloaded"; return 0; }
  for package in "$room"/*.deb; do dpkg -x "$package" "$room/tools"; done
}
unpack dcmtk dicom3tools
# the version of DCMTK's library stands in its name; it needs others in its turn
unpack orthanc orthanc-dicomweb $(apt-cache depends dcmtk 2>/dev/null | grep -om1 'libdcmtk[0-9a-z]*')
[ -d "$room/tools" ] || exit 0
rm -rf "$folder" && mv "$room/tools" "$folder" && echo "DICOM tools: unpacked into $folder"
exit 0
