#!/bin/sh
# run.sh COMMAND: run tailjoin's COMMAND (join, leave) with the binary for this machine. The first of these that there is:
#
#   dist/tailjoin-OS-ARCH         release commits carry it for linux/amd64
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

# part NAME: where NAME is before it is verified.
part() { echo "$dist/$1.$$"; }

# give_up MESSAGE
give_up() {
	rm -f "$dist"/*."$$"
	die "$1"
}

# url NAME: dist/release says where this commit's release is; TAILJOIN_RELEASES is a mirror of all of them.
url() {
	read -r release <"$dist/release"
	echo "${TAILJOIN_RELEASES:-${release%/*}}/${release##*/}/$1"
}

# is_path URL: the mirror is a directory.
is_path() {
	case $1 in /* | [A-Za-z]:[/\\]*) true ;; *) false ;; esac
}

# download URL FILE: on failure there is no FILE.
download() {
	if is_path "$1"; then
		cp "$1" "$2"
	elif command -v curl >/dev/null; then
		curl -fsSL --retry 3 --connect-timeout 20 --max-time 300 -o "$2" "$1"
	else
		wget -q -T 20 -O "$2" "$1"
	fi || rm -f "$2"
}

# smaller NAME: the asset to fetch for NAME: packed by gzip, if the release has that and this machine can unpack it.
smaller() {
	if [ -n "$(listed "$1.gz")" ] && command -v gzip >/dev/null; then echo "$1.gz"; else echo "$1"; fi
}

# take NAME: out of the tool cache
take() {
	(: >"$(part "$1")") 2>/dev/null || give_up "cannot write to $dist, where $1 belongs: let the job's user write there"
	cp "$(cached "$1")" "$(part "$1")" 2>/dev/null && genuine "$(part "$1")" "$(listed "$1")"
}

cached() { echo "${RUNNER_TOOL_CACHE:+$RUNNER_TOOL_CACHE/tailjoin/$(listed "$1")}"; }

# verify ASSET: only what was verified is unpacked or run.
verify() {
	[ -f "$(part "$1")" ] || give_up "cannot fetch $(url "$1"); TAILJOIN_RELEASES names a mirror"
	genuine "$(part "$1")" "$(listed "$1")" ||
		give_up "$1 from $(url "$1") is not the file that this commit names: sha256 $(sha256 "$(part "$1")"), want $(listed "$1")"
}

# fetch NAME...: out of the release, all at once.
fetch() {
	is_path "$(url "$1")" || command -v curl >/dev/null || command -v wget >/dev/null ||
		give_up "curl or wget is needed to fetch $(url "$1"); put one into the image"
	for name; do
		asset=$(smaller "$name")
		echo "fetching $(url "$asset")"
		download "$(url "$asset")" "$(part "$asset")" &
	done
	wait
	for name; do
		asset=$(smaller "$name")
		verify "$asset"
		[ "$asset" = "$name" ] || gzip -dc <"$(part "$asset")" >"$(part "$name")"
		verify "$name"
		keep "$(part "$name")" "$(cached "$name")"
	done
}

# place NAME...: make each dist/NAME, out of the tool cache or else the release. Its sum is checked either way, on the copy that is run.
place() {
	command -v sha256sum >/dev/null || command -v shasum >/dev/null || die "sha256sum or shasum is needed to verify $1; put one into the image"
	missing=
	for name; do take "$name" || missing="$missing $name"; done
	# shellcheck disable=SC2086 # names have no blanks
	[ -z "$missing" ] || fetch $missing
	for name; do
		chmod +x "$(part "$name")"
		mv "$(part "$name")" "$dist/$name"
	done
	rm -f "$dist"/*."$$"
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
Windows | *_NT*) os=windows ;; # MINGW64_NT is Git's; MSYS2 and Cygwin have others
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
# D:/a, not /d/a: by Git's sh, by Cygwin's, which is sh where a step has put it on PATH, and elsewhere.
root=$(cd "$here/.." && { pwd -W || cygpath -m . || pwd; } 2>/dev/null)
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
		[ -n "$(listed "$daemon")" ] || daemon=
		place "$binary" ${daemon:+"$daemon"}
	else
		build
	fi
fi

PATH=$path
export TAILJOIN_BUNDLE="$dist"
exec "$dist/$binary" "$@"
