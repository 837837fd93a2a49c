#!/bin/sh
# tailjoin for Bitbucket Pipelines, and for any other CI that runs lines of shell. Copy this file of a release into your repository:
#
#   script:
#     - export TAILJOIN_OAUTH_CLIENT_ID=T…-CNTRL TAILJOIN_TAGS=tag:ci
#     - . ./tailjoin.sh
#     - tailjoin_join
#     - curl http://my-server/
#   after-script:
#     - . ./tailjoin.sh
#     - tailjoin_leave
#
# The step needs oidc. Every input is a variable: wait-for is TAILJOIN_WAIT_FOR. Secrets are secured variables of the repository.
#
# What Bitbucket guarantees: after-script runs when the script failed. Whether it does when somebody stops the step, or when
# it runs out of time, Bitbucket does not say. The node is ephemeral: Tailscale then removes it by itself.

# <fetch> scripts/fetch.sh is the master copy
# tailjoin_fetch prints the path of a tailjoin for this machine, with what it needs beside it: out of the directory
# TAILJOIN_HOME, or out of a cache, or from the release. What came from the release is verified each time.
# It is a subshell: in the shell around it nothing changes.
tailjoin_fetch() (
	# Where the release's files are, and the SHA-256 of its SHA256SUMS, which names all others. Empty in no release.
	release='' sums=''

	die() {
		echo "tailjoin: $1" >&2
		exit 1
	}

	sha256() {
		if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -c 1-64
	}

	# genuine FILE SUM
	genuine() {
		[ -f "$1" ] && [ "$(sha256 "$1")" = "$2" ]
	}

	# listed NAME: the sum that the release gives to its file NAME; nothing if it has none.
	listed() {
		while read -r sum name; do [ "$name" != "$1" ] || echo "$sum"; done <"$home/SHA256SUMS"
	}

	# download URL FILE
	download() {
		echo "fetching $1" >&2
		case $1 in /* | [A-Za-z]:[/\\]*)
			cp "$1" "$2"
			return
			;;
		esac
		if command -v curl >/dev/null; then
			curl -fsSL --retry 3 --connect-timeout 20 --max-time 300 -o "$2" "$1"
		elif command -v wget >/dev/null; then
			wget -q -O "$2" "$1" # without -T: Debian's busybox crashes at it
		else
			die "curl or wget is needed; put one into the image"
		fi
	}

	# have NAME SUM: the release's file NAME in $home. TAILJOIN_RELEASES is a mirror of all releases: a URL or a directory.
	have() {
		! genuine "$home/$1" "$2" || return 0
		url=${TAILJOIN_RELEASES:-${release%/*}}/${release##*/}/$1
		download "$url" "$new/$1" || die "cannot fetch $url; TAILJOIN_RELEASES names a mirror"
		genuine "$new/$1" "$2" || die "$url is not the file of the release: sha256 $(sha256 "$new/$1"), want $2"
		{ chmod 700 "$new/$1" && mv -f "$new/$1" "$home/$1"; } || die "cannot write to $home"
	}

	# have_program: where gzip can unpack it, less than half has to come. Only what was verified is unpacked.
	have_program() {
		sum=$(listed "$program") packed=$(listed "$program.gz")
		! genuine "$home/$program" "$sum" || return 0
		if [ -z "$packed" ] || ! command -v gzip >/dev/null; then
			have "$program" "$sum"
			return
		fi
		have "$program.gz" "$packed"
		{ gzip -dc <"$home/$program.gz" >"$new/$program" && rm "$home/$program.gz"; } || die "cannot unpack $program.gz"
		genuine "$new/$program" "$sum" || die "$program.gz is not packed from the program of the release"
		{ chmod 700 "$new/$program" && mv -f "$new/$program" "$home/$program"; } || die "cannot write to $home"
	}

	# private DIR: no other user can change DIR or replace it. Each directory from / on is ours or root's, and one that others
	# may write to has the sticky bit.
	private() (
		set -f
		dir=$(cd "$1" && pwd -P) || exit 1
		while :; do
			# shellcheck disable=SC2012,SC2046 # the mode and the owner's number, no name
			set -- $(ls -ldn "$dir")
			case $3 in 0 | "$(id -u)") ;; *) exit 1 ;; esac
			case $1 in
			?????????[tT]*) ;;
			?????w* | ????????w*) exit 1 ;;
			esac
			[ "$dir" != / ] || exit 0
			dir=${dir%/*}
			dir=${dir:-/}
		done
	)

	# place PARENT NAME: let $home be a directory that no other user can change, and $new one in it for what is not verified.
	place() {
		home=$1/$2
		[ -n "$1" ] && (umask 077 && mkdir -p "$home") 2>/dev/null || return 1
		[ ! -L "$home" ] && { [ "$os" = windows ] || private "$home"; } && new=$(mktemp -d "$home/new.XXXXXX" 2>/dev/null)
	}

	case $(uname -s) in
	Linux) os=linux ;;
	Darwin) os=darwin ;;
	*_NT*) os=windows ;; # MINGW64_NT is Git's; MSYS2 and Cygwin have others
	*) die "there is no build for $(uname -s)" ;;
	esac
	case $(uname -m) in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	armv[678]l) arch=arm ;;
	i?86) arch=386 ;;
	riscv64) arch=riscv64 ;;
	*) die "there is no build for $(uname -m)" ;;
	esac
	program=tailjoin-$os-$arch
	[ "$os" != windows ] || program=$program.exe

	if [ -n "${TAILJOIN_HOME:-}" ]; then
		[ -x "$TAILJOIN_HOME/$program" ] || die "there is no $program in TAILJOIN_HOME, which is $TAILJOIN_HOME"
		echo "$TAILJOIN_HOME/$program"
		exit
	fi
	[ -n "$sums" ] ||
		die "this text is of no release, so it knows no files: take it from one, or let TAILJOIN_HOME be a directory with what scripts/build makes"

	place "${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}" "tailjoin/fetched-$sums" || place "${TMPDIR:-/tmp}" "tailjoin-$sums-$(id -u)" ||
		die "no directory can be made for it in the home directory or in ${TMPDIR:-/tmp}"
	trap 'rm -rf "$new"' EXIT
	trap 'exit 1' HUP INT TERM

	command -v sha256sum >/dev/null || command -v shasum >/dev/null || die "sha256sum or shasum is needed; put one into the image"
	have SHA256SUMS "$sums"
	[ -n "$(listed "$program")" ] || die "this release has no build for $os/$arch"
	have_program
	for name in "tailscaled-$os-$arch.zst" tailscaled.spans tailscaled.version; do
		sum=$(listed "$name")
		[ -z "$sum" ] || have "$name" "$sum"
	done
	echo "$home/$program"
)
# </fetch>

# tailjoin_join joins the tailnet, and sets the variables that it gives in this shell. Without a network interface, which a
# step's container has not, they let programs reach the tailnet by its proxies.
tailjoin_join() {
	tailjoin=$(tailjoin_fetch) &&
		tailjoin_env=$(TAILJOIN_PROXY_ENV=${TAILJOIN_PROXY_ENV:-true} "$tailjoin" join --env-file /dev/stdout) &&
		eval "$tailjoin_env"
}

# tailjoin_leave leaves it again. It may run in another shell: leave finds by itself what join made.
tailjoin_leave() {
	tailjoin=$(tailjoin_fetch) && "$tailjoin" leave
}
