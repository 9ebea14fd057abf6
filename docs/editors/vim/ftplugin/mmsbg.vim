" SPDX-License-Identifier: Apache-2.0
if exists('b:did_ftplugin') | finish | endif
let b:did_ftplugin = 1
setlocal comments=s1:/*,mb:*,ex:*/,:// commentstring=//\ %s expandtab shiftwidth=2 softtabstop=2
compiler mmsbc
let b:undo_ftplugin = 'setlocal comments< commentstring< expandtab< shiftwidth< softtabstop< makeprg< errorformat<'
