# SPDX-License-Identifier: BSD-2-Clause
# The folders whose *.c make up libuniscope.a. A folder without sources is fine.
# Which of them may include which is in mk/layers.
MODULES := core/base core/image core/guest core/store \
	analyze profiler profiler/tui dedup gdbstub reports cmds

# Files that are embedded into the binary. 'dir/some-name.css' can be read as
# asset_some_name_css_start[] to asset_some_name_css_end[] (see "assets.h").
ASSETS := $(wildcard reports/assets/* analyze/tables/*)

# Libraries by their pkg-config name and the Debian package that has them.
LIBRARIES := libelf:libelf-dev libdw:libdw-dev capstone:libcapstone-dev \
	sqlite3:libsqlite3-dev libarchive:libarchive-dev jansson:libjansson-dev \
	libxxhash:libxxhash-dev libcrypto:libssl-dev zlib:zlib1g-dev liblzma:liblzma-dev
# Only tests need these; without them 'make' works and the tests name them.
TEST_LIBRARIES := cmocka:libcmocka-dev zydis:libzydis-dev
