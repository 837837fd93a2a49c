#!/bin/sh
# run.sh COMMAND: run tailjoin's COMMAND (join, leave) with the binary for this machine. The first of these that there is:
#
#   dist/tailjoin-OS-ARCH         release commits carry it for linux
#   the release's own asset       for the other platforms; dist/SHA256SUMS names it, and nothing else is run
#   the sources around this file  main, a fork, a work tree: there dist/ is empty, and Go builds it
#
# The end is an exec. On cancel the runner signals one process, the step's: a shell that stays in between
# would take the signal, and the join would run on.
set -eu
command=$1

die() {
	echo "${GITHUB_ACTIONS:+::error title=tailjoin::}$1" >&2
	exit 1
}

# unsupported SYSTEM: there is no build for this machine. A join could not start either, so a leave has nothing to undo.
unsupported() {
	[ "$command" = leave ] || die "tailjoin has no build for $1"
	rmdir "${TAILJOIN_SESSION:-}" 2>/dev/null || true
	echo "nothing to leave: tailjoin has no build for $1"
	exit 0
}

sha256() {
	if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -c 1-64
}

# listed NAME: the sum that this commit gives to the asset NAME; nothing if it has none.
listed() {
	while read -r sum name; do [ "$name" != "$1" ] || echo "$sum"; done <"$dist/SHA256SUMS"
}

# genuine FILE SUM
genuine() {
	[ -f "$1" ] && [ "$(sha256 "$1")" = "$2" ]
}

# download NAME FILE: dist/release says where this commit's release is; TAILJOIN_RELEASES is a mirror of all of them.
download() {
	read -r release <"$dist/release"
	url=${TAILJOIN_RELEASES:-${release%/*}}/${release##*/}/$1
	echo "fetching $url"
	case $url in /* | [A-Za-z]:[/\\]*)
		cp "$url" "$2" || die "cannot fetch $url; TAILJOIN_RELEASES names a mirror"
		return
		;;
	esac
	if command -v curl >/dev/null; then
		curl -fsSL --retry 3 --connect-timeout 20 --max-time 300 -o "$2" "$url"
	elif command -v wget >/dev/null; then
		wget -q -T 20 -O "$2" "$url"
	else
		die "curl or wget is needed to fetch $url; put one into the image"
	fi || die "cannot fetch $url; TAILJOIN_RELEASES names a mirror"
}

# place NAME: make dist/NAME, out of the tool cache or else the release. Its sum is checked either way, on the copy that is run.
place() {
	command -v sha256sum >/dev/null || command -v shasum >/dev/null || die "sha256sum or shasum is needed to verify $1; put one into the image"
	sum=$(listed "$1")
	cached=${RUNNER_TOOL_CACHE:+$RUNNER_TOOL_CACHE/tailjoin/$sum}
	part=$dist/$1.$$
	(: >"$part") 2>/dev/null || die "cannot write to $dist, where $1 belongs: let the job's user write there"
	if ! { cp "$cached" "$part" 2>/dev/null && genuine "$part" "$sum"; }; then
		download "$1" "$part"
		genuine "$part" "$sum" || refuse "$1" "$part"
		keep "$part" "$cached"
	fi
	chmod +x "$part"
	mv "$part" "$dist/$1"
}

# refuse NAME FILE
refuse() {
	got=$(sha256 "$2")
	rm -f "$2"
	die "$1 from $url is not the file that this commit names: sha256 $got, want $sum"
}

# keep FILE CACHED: for the next job of a runner that lives on. A tool cache that cannot be written is no reason to fail.
keep() {
	{ mkdir -p "${2%/*}" && cp "$1" "$2.$$" && mv "$2.$$" "$2"; } 2>/dev/null || true
}

# sources: a name for the state of the sources, so that an edited tree is built anew.
sources() {
	cd "$root"
	find cmd internal scripts go.mod go.sum -type f ! -name '*_test.go' ! -path '*/testdata/*' | LC_ALL=C sort | xargs cat >"$1"
	sha256 "$1"
}

build() {
	command -v go >/dev/null ||
		die "this commit carries no binaries, and Go is not there to build them: use a release, or put actions/setup-go before this step"
	mkdir -p "$root/.build"
	all=$root/.build/sources.$$
	dist=$root/.build/run/$(sources "$all")
	rm "$all"
	[ -e "$dist/SHA256SUMS" ] || {
		rm -rf "$root/.build/run" # of sources that are no more
		"$root/scripts/build" --only "$os/$arch" --out "$dist" --programs 'tailjoin tailscaled' >&2
	}
}

# RUNNER_OS and RUNNER_ARCH cost no process, and Git's sh says x86_64 on an arm64 Windows.
case ${RUNNER_OS:-$(uname -s)} in
Linux) os=linux ;;
macOS | Darwin) os=darwin ;;
Windows | MINGW* | MSYS*) os=windows ;;
*) unsupported "${RUNNER_OS:-$(uname -s)}" ;;
esac
case ${RUNNER_ARCH:-$(uname -m)} in
X64 | x86_64 | amd64) arch=amd64 ;;
ARM64 | aarch64 | arm64) arch=arm64 ;;
ARM | arm | armv[678]l) arch=arm ;;
X86 | x86 | i?86) arch=386 ;;
riscv64) arch=riscv64 ;;
*) unsupported "${RUNNER_ARCH:-$(uname -m)}" ;;
esac
binary=tailjoin-$os-$arch
daemon=tailscaled-$os-$arch.zst
[ "$os" != windows ] || binary=$binary.exe

case $0 in
*[/\\]*) here=${0%[/\\]*} ;; # Windows: either, as the path was written
*) here=. ;;
esac
root=$(cd "$here/.." && { pwd -W 2>/dev/null || pwd; }) # -W: Git's sh only; D:/a, not /d/a
dist=$root/dist
path=$PATH
if [ ! -e "$dist/$binary" ]; then
	[ "$os" != windows ] || PATH=/usr/bin:$PATH # Git's own tools: its sh may have none on PATH, and Windows has another find and sort
	# A session as empty as the hook made it: join never got as far as its binary, so there is nothing to undo.
	# Removing it also stops a join that is still being fetched: it has no session any more.
	if [ "$command" = leave ] && rmdir "${TAILJOIN_SESSION:-}" 2>/dev/null; then
		echo "nothing to leave: the join did not start"
		exit 0
	fi
	if [ -e "$dist/SHA256SUMS" ]; then
		[ -n "$(listed "$binary")" ] || unsupported "$os/$arch in this release"
		place "$binary"
		[ -z "$(listed "$daemon")" ] || place "$daemon"
	else
		build
	fi
fi

PATH=$path
export TAILJOIN_BUNDLE="$dist"
exec "$dist/$binary" "$@"
