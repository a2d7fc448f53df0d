# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The shell test library. A test is an executable script that begins with
#
#	#!/bin/sh
#	# What this test is about.
#	# shellcheck source-path=SCRIPTDIR source=../lib/test.sh
#	. "${0%/*}/../lib/test.sh"
#
# makes its points with the check_* functions, which print TAP, and ends with
# 'finish'. docs/HOWTO-ADD-TEST.md has an example. Exit: 0 all points passed,
# 1 some did not, 77 skipped, 99 the script ended before 'finish'.
#
# Known to a test: $UNISCOPE the binary under test, $SRCDIR the source tree,
# $O the build folder, $TMP an empty folder of its own (also the working
# folder), $CC a compiler.

SRCDIR=${SRCDIR:-$(cd "${0%/*}/../.." && pwd)} || exit 99
O=${O:-$SRCDIR/build}
case $O in
/*) ;;
*) O=$SRCDIR/$O ;;
esac
UNISCOPE=${UNISCOPE:-$O/uniscope}
CC=${CC:-gcc}
# The system's programs first: a Python from elsewhere lacks Debian's modules.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:${PATH:-}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/uniscope-test.XXXXXX") || exit 99
HOME=$TMP/home
TZ=UTC LC_ALL=C TERM=dumb LINES=24 COLUMNS=80
export SRCDIR O UNISCOPE CC PATH TMP HOME TZ LC_ALL TERM LINES COLUMNS
unset CI NO_COLOR LD_LIBRARY_PATH LD_PRELOAD LD_BIND_NOW DEBUGINFOD_URLS CDPATH MAKEFLAGS
mkdir "$HOME" && cd "$TMP" || exit 99

test_points=0 test_failures=0 test_finished=

test_exit() {
	test_status=$?
	trap - EXIT
	cd / || :
	chmod -R u+rwx "$TMP" 2>/dev/null
	rm -rf "$TMP"
	if [ -z "$test_finished" ]; then
		echo "Bail out! the script ended early, with exit code $test_status"
		exit 99
	fi
	exit "$test_status"
}
trap test_exit EXIT
trap 'exit 99' HUP INT TERM

# --- points ---

# pass TEXT, fail TEXT: one point. What a failure needs to be understood is
# printed before, as lines beginning with '#' (see 'note').
pass() {
	test_points=$((test_points + 1))
	echo "ok $test_points - $1"
}

fail() {
	test_points=$((test_points + 1))
	test_failures=$((test_failures + 1))
	echo "not ok $test_points - $1"
}

# skip_point TEXT REASON: a point that this machine cannot make.
skip_point() {
	test_points=$((test_points + 1))
	echo "ok $test_points - $1 # SKIP $2"
}

# note TEXT... or note <FILE: something for people who read the output.
note() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$*"
	else
		cat
	fi | sed 's/^/# /'
}

# skip REASON: the whole test cannot run here.
skip() {
	echo "1..0 # SKIP $1"
	test_finished=1
	exit 77
}

# need PROGRAM...: skips the test where one of them is missing.
need() {
	for test_program; do
		command -v "$test_program" >/dev/null 2>&1 ||
			skip "the program '$test_program' is missing"
	done
}

# finish: the last line of every test.
finish() {
	echo "1..$test_points"
	test_finished=1
	[ "$test_failures" = 0 ]
	exit
}

# --- checks; each is one point ---

# run COMMAND...: its output in $TMP/out and $TMP/err, its exit code in $code.
# No point by itself.
run() {
	code=0
	"$@" >"$TMP/out" 2>"$TMP/err" </dev/null || code=$?
}

# check_exit CODE TEXT COMMAND...: runs, as above, and compares the exit code.
check_exit() {
	test_want=$1 test_text=$2
	shift 2
	run "$@"
	if [ "$code" = "$test_want" ]; then
		pass "$test_text"
	else
		note "command: $*"
		note "expected exit code $test_want, actual $code; standard error:"
		note <"$TMP/err"
		note "standard output (first 20 lines):"
		head -n 20 "$TMP/out" | note
		fail "$test_text"
	fi
}

# check TEXT COMMAND...: passes if the command succeeds.
check() {
	test_text=$1
	shift
	check_exit 0 "$test_text" "$@"
}

# check_equal TEXT EXPECTED ACTUAL: two files have the same bytes.
check_equal() {
	if diff -u --label expected --label actual "$2" "$3" >"$TMP/.diff" 2>&1; then
		pass "$1"
	else
		head -n 200 "$TMP/.diff" | note
		fail "$1"
	fi
}

# check_out TEXT <<EOF, check_err TEXT <<EOF: what the last 'run' or check wrote
# equals what stands here.
check_out() {
	cat >"$TMP/.expected"
	check_equal "$1" "$TMP/.expected" "$TMP/out"
}

check_err() {
	cat >"$TMP/.expected"
	check_equal "$1" "$TMP/.expected" "$TMP/err"
}

# check_golden TEXT FILE ACTUAL: equals a file of the tree; UPDATE=1 rewrites it.
check_golden() {
	if [ -n "${UPDATE:-}" ]; then
		cp "$3" "$2"
	fi
	check_equal "$1" "$2" "$3"
}

# check_grep TEXT PATTERN FILE: a line matches the basic regular expression.
check_grep() {
	if grep -q -e "$2" "$3"; then
		pass "$1"
	else
		note "no line matches: $2"
		head -n 50 "$3" | note
		fail "$1"
	fi
}

# check_same TEXT EXPECTED ACTUAL: two words are equal.
check_same() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		note "expected: $2"
		note "actual:   $3"
		fail "$1"
	fi
}
