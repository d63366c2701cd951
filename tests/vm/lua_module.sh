#!/bin/sh
# SPDX-License-Identifier: MIT
# A test of a module of ours in Lua, on this kernel.
# programs: @LUA@ unshare nsenter @FILES@
export LUA_PATH="@PATHS@" LUA_CPATH="@MODULES@/?.so"
export TRAFFIC=@TRAFFIC@ XTABLES_LOCKFILE=/tmp/lock.$$
exec @INSIDE@ @LUA@ @TEST@
