#!/bin/sh
# SPDX-License-Identifier: MIT
# nflua where the kernel sends connections and link-layer headers with packets; see nflua.lua.
# programs: @LUA@ unshare nsenter @FILES@
export LUA_PATH="@PATHS@" LUA_CPATH="@MODULES@/?.so"
export TRAFFIC=@TRAFFIC@ XTABLES_LOCKFILE=/tmp/lock.$$
exec unshare -n @LUA@ @TEST@
