#!/usr/bin/env bash
# The one list of the system packages this project needs, and the one place that installs them.
#
#   tools/install-packages.sh GROUP...      GROUP is build, run, test or dev
#
# Only what is missing is installed; when nothing is missing, neither apt nor the network is touched.
# Works on Debian 12 and 13 and on Ubuntu 24.04. Needs root, or sudo.
set -euo pipefail

# What the compiler needs, what `make run` needs, what `make test` needs, what a developer needs on top.
build="gcc libc6-dev make cmake ninja-build pkg-config
       libmicrohttpd-dev libnghttp2-dev libsqlite3-dev libzstd-dev zlib1g-dev libsodium-dev libpcre2-dev libmd-dev libxxhash-dev
       libyyjson-dev"
run="curl"
test="libcmocka-dev python3 nodejs npm curl"
dev="clang clang-format clang-tidy libclang-rt-dev llvm codespell"

say() { printf '%s\n' "$*"; }
die() { printf 'install-packages: %s\n' "$*" >&2; exit 1; }

# The node that is on PATH will do when it is 18 or newer; likewise any npm. Some vendors ship both in one package.
have_node() { node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null; }

# The sanitizer runtimes carry clang's major version in their name: ask the clang that is, or would be, installed.
clang_runtimes() {
    local v
    v=$(dpkg-query -W -f '${Version}' clang 2>/dev/null) || v=
    [ -n "$v" ] || v=$(apt-cache show --no-all-versions clang 2>/dev/null | sed -n 's/^Version: //p')
    v=${v#*:}
    [ -n "$v" ] && say "libclang-rt-${v%%[!0-9]*}-dev"
}

# Prints those of its arguments that are not installed.
missing() {
    local p state installed
    installed=" $(dpkg-query -W -f '${Package}=${db:Status-Status} ' "$@" 2>/dev/null || true)"
    for p in "$@"; do
        case "$p" in
            nodejs) have_node && continue ;;
            npm) command -v npm >/dev/null && continue ;;
            libclang-rt-dev)
                state=$(clang_runtimes) || state=
                [ -n "$state" ] && [[ "$(dpkg-query -W -f '${db:Status-Status} ' "$state" 2>/dev/null)" == installed* ]] && continue ;;
        esac
        [[ "$installed" == *" $p=installed "* ]] || say "$p"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then env "$@"
    elif [ -t 0 ]; then sudo env "$@"
    else sudo -n env "$@"; fi
}
apt() {
    as_root DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1
}
install() {
    [ $# -gt 0 ] || return 0
    say "Installing $*"
    apt install --no-install-recommends "$@" || { tail -n 25 "$log" >&2; die "apt-get could not install these packages: $*"; }
}
candidate() { [[ "$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[0-9]* ]]; }

# Debian 12 has no yyjson. It comes from the next release, with every other package of that release forbidden.
# The mirror, and the key that signs it, are those the machine itself uses.
offer_yyjson() {
    local uri entry key
    . /etc/os-release
    [ "${ID:-} ${VERSION_ID:-}" = "debian 12" ] ||
        die "there is no libyyjson-dev here; Debian 12, Debian 13 and Ubuntu 24.04 (with universe) are known to work"
    IFS='|' read -r uri entry <<<"$(apt-get indextargets 'Created-By: Packages' \
        --format '$(CODENAME)|$(ORIGIN)|$(COMPONENT)|$(REPO_URI)|$(SOURCESENTRY)' |
        sed -n 's/^bookworm|Debian|main|//p')" || true
    [ -n "${uri:-}" ] || die "no Debian mirror for bookworm main is among this machine's apt sources"
    key=$(sed -nE 's/.*[Ss]igned-[Bb]y[:=] *(\/[^] ,]+).*/Signed-By: \1/p' "${entry%:*}" | head -n 1)
    say "Debian 12 has no yyjson: taking it, and nothing else, from Debian 13 (/etc/apt/preferences.d/tracewell-yyjson)"
    as_root tee /etc/apt/preferences.d/tracewell-yyjson >/dev/null <<END
# Written by Tracewell's tools/install-packages.sh. From Debian 13 only yyjson may be taken.
# Delete this file and /etc/apt/sources.list.d/tracewell-yyjson.sources before upgrading this machine to Debian 13.
Package: *
Pin: release n=trixie
Pin-Priority: -1

Package: libyyjson*
Pin: release n=trixie
Pin-Priority: 990
END
    as_root tee /etc/apt/sources.list.d/tracewell-yyjson.sources >/dev/null <<END
# Written by Tracewell's tools/install-packages.sh; /etc/apt/preferences.d/tracewell-yyjson keeps it to yyjson alone.
Types: deb
URIs: $uri
Suites: trixie
Components: main
Targets: Packages
${key:-# Signed by the keys that apt trusts anyway.}
END
    apt update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/tracewell-yyjson.sources -o Dir::Etc::sourceparts=- \
        -o APT::Get::List-Cleanup=0 || true
    if ! candidate libyyjson-dev; then
        LC_ALL=C apt-cache policy libyyjson-dev >&2
        as_root rm -f /etc/apt/sources.list.d/tracewell-yyjson.sources /etc/apt/preferences.d/tracewell-yyjson
        tail -n 10 "$log" >&2
        die "this machine's Debian mirror does not offer libyyjson-dev from trixie"
    fi
}

[ $# -gt 0 ] || die "usage: tools/install-packages.sh build|run|test|dev ..."
wanted=()
for group in "$@"; do
    case "$group" in build|run|test|dev) read -r -d '' -a list <<<"${!group}" || true; wanted+=("${list[@]}") ;;
        *) die "there is no package group \"$group\"; the groups are build, run, test and dev" ;; esac
done
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "This system has no apt, so install what these Debian packages hold yourself: ${wanted[*]}"
    exit 0
fi
read -r -d '' -a need <<<"$(missing "${wanted[@]}" | sort -u)" || true
[ ${#need[@]} -gt 0 ] || exit 0

say "Missing packages: ${need[*]}"
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "installing needs root, and there is no sudo; run as root: apt-get install ${need[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
say "Reading the package lists"
apt update || say "Some package lists could not be read; going on with what there is"

now=() later=()
for p in "${need[@]}"; do
    case "$p" in
        libyyjson-dev) candidate libyyjson-dev || offer_yyjson; now+=("$p") ;;
        libclang-rt-dev) now+=("$(clang_runtimes)") ;;
        npm) later+=(npm) ;;
        *) now+=("$p") ;;
    esac
done
install "${now[@]}"
if [ ${#later[@]} -gt 0 ] && ! command -v npm >/dev/null; then install "${later[@]}"; fi
say "All packages are installed"
