#!/usr/bin/env bash
# What pip cannot bring: the libraries that Qt and OpenGL need, a font, a virtual
# screen for machines without one. Installs what is missing where it may, else prints
# the one command to run. Only Debian and its kin are known; elsewhere it says so.
set -euo pipefail
python=${PYTHON:-python3}
cache=$( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null)
missing=()

library() { # file name, package
  grep -q "[[:space:]]$1 " <<<"$cache" || missing+=("$2")
}
command_of() { # command, package
  command -v "$1" >/dev/null || missing+=("$2")
}
one_of() { # package, then paths: one must exist
  local package=$1 path
  shift
  for path in "$@"; do
    compgen -G "$path" >/dev/null && return
  done
  missing+=("$package")
}

if [ "$(uname -s)" != Linux ]; then exit 0; fi

library libEGL.so.1 libegl1
library libGL.so.1 libgl1
library libOpenGL.so.0 libopengl0
one_of libgl1-mesa-dri "/usr/lib*/dri/swrast_dri.so" "/usr/lib*/*/dri/swrast_dri.so" \
  "/usr/lib*/libgallium*.so" "/usr/lib*/*/libgallium*.so"
library libGLX_mesa.so.0 libglx-mesa0
library libEGL_mesa.so.0 libegl-mesa0
library libxkbcommon.so.0 libxkbcommon0
library libxkbcommon-x11.so.0 libxkbcommon-x11-0
library libxcb-cursor.so.0 libxcb-cursor0
library libxcb-icccm.so.4 libxcb-icccm4
library libxcb-image.so.0 libxcb-image0
library libxcb-keysyms.so.1 libxcb-keysyms1
library libxcb-randr.so.0 libxcb-randr0
library libxcb-render-util.so.0 libxcb-render-util0
library libxcb-shape.so.0 libxcb-shape0
library libxcb-xfixes.so.0 libxcb-xfixes0
library libxcb-xinerama.so.0 libxcb-xinerama0
library libxcb-xkb.so.1 libxcb-xkb1
library libX11-xcb.so.1 libx11-xcb1
library libdbus-1.so.3 libdbus-1-3
library libfontconfig.so.1 libfontconfig1
library libglib-2.0.so.0 libglib2.0-0
command_of fc-list fontconfig
one_of fonts-dejavu-core "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" \
  "/usr/share/fonts/*/DejaVuSans.ttf" "/usr/share/fonts/*/*/*.ttf"
command_of xvfb-run xvfb
command_of Xvfb xvfb
command_of xauth xauth
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  missing+=("python$version-venv")

if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if ! command -v apt-get >/dev/null; then
  echo "These Debian packages, or what they are called here, are missing: ${missing[*]}" >&2
  exit 1
fi
install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then
  runner=(bash -c)
elif sudo -n true 2>/dev/null; then
  runner=(sudo -n bash -c)
else
  echo "System libraries are missing. Run this once, then make again:" >&2
  echo "  sudo sh -c '$install'" >&2
  exit 1
fi
echo "Installing system libraries: ${missing[*]}"
log=$(mktemp)
if ! DEBIAN_FRONTEND=noninteractive "${runner[@]}" \
  "export DEBIAN_FRONTEND=noninteractive; $install" >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "apt could not install them. Run this, then make again:" >&2
  echo "  sudo sh -c '$install'" >&2
  exit 1
fi
rm -f "$log"
