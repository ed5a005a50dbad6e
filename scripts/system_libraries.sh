#!/usr/bin/env bash
# The system libraries that a Qt window with OpenGL needs on a bare Debian or Ubuntu.
# Installs what is missing with apt when it may; else prints the one command to run.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0

# package : what shows that it is there (a library's file, or a command with a slash)
wanted=(
  "libegl1:libEGL.so.1"
  "libgl1:libGL.so.1"
  "libopengl0:libOpenGL.so.0"
  "libglib2.0-0:libglib-2.0.so.0"
  "libdbus-1-3:libdbus-1.so.3"
  "libfontconfig1:libfontconfig.so.1"
  "libxkbcommon0:libxkbcommon.so.0"
  "libxkbcommon-x11-0:libxkbcommon-x11.so.0"
  "libx11-xcb1:libX11-xcb.so.1"
  "libxcb-cursor0:libxcb-cursor.so.0"
  "libxcb-icccm4:libxcb-icccm.so.4"
  "libxcb-image0:libxcb-image.so.0"
  "libxcb-keysyms1:libxcb-keysyms.so.1"
  "libxcb-randr0:libxcb-randr.so.0"
  "libxcb-render-util0:libxcb-render-util.so.0"
  "libxcb-shape0:libxcb-shape.so.0"
  "libxcb-xinerama0:libxcb-xinerama.so.0"
  "libxcb-xkb1:libxcb-xkb.so.1"
  "xvfb:/Xvfb"
  "xauth:/xauth"
)

libraries=$(/sbin/ldconfig -p 2>/dev/null || true)
missing=()
for entry in "${wanted[@]}"; do
  package=${entry%%:*} sign=${entry#*:}
  case "$sign" in
    /*) command -v "${sign#/}" >/dev/null || missing+=("$package") ;;
    *) grep -q "$sign" <<<"$libraries" || missing+=("$package") ;;
  esac
done
# Mesa's software drivers and a font show in folders alone
compgen -G "/usr/lib/*/dri/*_dri.so" >/dev/null ||
  compgen -G "/usr/lib/*/libgallium*.so" >/dev/null || missing+=(libgl1-mesa-dri)
compgen -G "/usr/share/fonts/truetype/*" >/dev/null || missing+=(fonts-dejavu-core)
"${PYTHON:-python3}" -c "import ensurepip, venv" 2>/dev/null || missing+=(python3-venv)

[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "Missing system libraries; install what your system calls: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then
  elevate=""
elif sudo -n true 2>/dev/null; then
  elevate="sudo"
else
  echo "Missing system libraries. Please run once, then repeat:" >&2
  echo "  sudo apt-get update && sudo $install" >&2
  exit 1
fi
echo "Installing system libraries: ${missing[*]}"
$elevate apt-get update -qq </dev/null
DEBIAN_FRONTEND=noninteractive $elevate $install </dev/null >/dev/null
